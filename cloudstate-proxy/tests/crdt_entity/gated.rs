//! A store whose writes become durable when a test says so.

use std::sync::Arc;

use cloudstate_proxy::store::{
    Append, Commit, EntityRef, EntityValue, JournalEntry, MemoryStore, Put, Store, StoreError,
    StoredEvent, StoredSnapshot, StoredValue, Write,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot, watch};

use crate::user_side::SOON;

#[derive(Debug)]
pub(crate) struct GatedStore {
    inner: Arc<MemoryStore>,
    writes: mpsc::UnboundedSender<PendingWrite>,
}

/// The writes, in order.
pub(crate) struct Gate(mpsc::UnboundedReceiver<PendingWrite>);

/// A write that is not durable yet.
pub(crate) struct PendingWrite {
    put: Put,
    done: oneshot::Sender<Result<u64, StoreError>>,
    inner: Arc<MemoryStore>,
}

impl GatedStore {
    pub(crate) fn with_gate() -> (Arc<dyn Store>, Gate) {
        let (writes, pending) = mpsc::unbounded_channel();
        let store = Self {
            inner: Arc::new(MemoryStore::new()),
            writes,
        };
        (Arc::new(store), Gate(pending))
    }
}

impl Gate {
    /// The next write, which is expected.
    pub(crate) async fn next(&mut self) -> PendingWrite {
        tokio::time::timeout(SOON, self.wait())
            .await
            .expect("something is written soon")
    }

    /// The next write, however long it takes.
    pub(crate) async fn wait(&mut self) -> PendingWrite {
        self.0.recv().await.expect("the store is there")
    }

    /// Asserts that nothing else is being written.
    pub(crate) fn nothing_more(&mut self) {
        assert!(self.0.try_recv().is_err());
    }
}

impl PendingWrite {
    pub(crate) async fn succeed(self) {
        let result = self.inner.put(self.put).await;
        self.done.send(result).unwrap();
    }

    pub(crate) fn fail(self) {
        let reason = "the disk is full".into();
        let _ = self.done.send(Err(StoreError::Unavailable { reason }));
    }
}

impl Store for GatedStore {
    fn append(&self, append: Append) -> Commit {
        self.inner.append(append)
    }

    fn put(&self, put: Put) -> Commit {
        let (done, outcome) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        let _ = self.writes.send(PendingWrite { put, done, inner });
        Commit::waiting(outcome)
    }

    fn write(&self, writes: Vec<Write>) -> Commit {
        self.inner.write(writes)
    }

    fn values(
        &self,
        persistence_id: &Arc<str>,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<EntityValue>, StoreError>> {
        self.inner.values(persistence_id, after, limit)
    }

    fn value(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<StoredValue, StoreError>> {
        self.inner.value(entity)
    }

    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>> {
        self.inner.latest_snapshot(entity)
    }

    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>> {
        self.inner.events(entity, after, limit)
    }

    fn journal(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<JournalEntry>, StoreError>> {
        self.inner.journal(after, limit)
    }

    fn last_position(&self) -> BoxFuture<'static, Result<u64, StoreError>> {
        self.inner.last_position()
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.inner.grown()
    }

    fn describe(&self) -> String {
        "gated".into()
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}
