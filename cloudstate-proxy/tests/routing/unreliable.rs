//! A store that fails, or takes its time, when a test says so.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use cloudstate_proxy::store::{
    Append, Commit, EntityRef, EntityValue, JournalEntry, MemoryStore, Put, Store, StoreError,
    StoredEvent, StoredSnapshot, StoredValue, Write,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{oneshot, watch};

/// Refuses as many writes as it is told to.
#[derive(Debug, Default)]
pub(crate) struct Unreliable {
    inner: MemoryStore,
    failing: AtomicUsize,
    /// Writes that are not durable yet, while there are such.
    held: Mutex<Option<Vec<Held>>>,
}

type Held = (oneshot::Sender<Written>, Written);
type Written = Result<u64, StoreError>;

impl Unreliable {
    /// Refuses the next writes, so many of them.
    pub(crate) fn fail(&self, count: usize) {
        self.failing.store(count, Ordering::Relaxed);
    }

    /// From now on, nothing is durable before it is released.
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    /// What was held, and everything else, is durable.
    pub(crate) fn release(&self) {
        for (respond, written) in self.held.lock().unwrap().take().unwrap_or_default() {
            let _ = respond.send(written);
        }
    }

    fn write(&self, write: impl FnOnce(&MemoryStore) -> Commit) -> Commit {
        let fails = self
            .failing
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        match fails {
            Ok(_) => Commit::ready(Err(StoreError::Unavailable {
                reason: "the disk is full".into(),
            })),
            Err(_) => self.perhaps_hold(write(&self.inner)),
        }
    }
}

impl Unreliable {
    fn perhaps_hold(&self, commit: Commit) -> Commit {
        let mut held = self.held.lock().unwrap();
        let Some(held) = &mut *held else {
            return commit;
        };
        let (respond, released) = oneshot::channel();
        let written = commit.now_or_never().expect("memory is written at once");
        held.push((respond, written));
        Commit::waiting(released)
    }
}

impl Store for Unreliable {
    fn append(&self, append: Append) -> Commit {
        self.write(|inner| inner.append(append))
    }

    fn put(&self, put: Put) -> Commit {
        self.write(|inner| inner.put(put))
    }

    fn write(&self, writes: Vec<Write>) -> Commit {
        self.write(|inner| inner.write(writes))
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
        self.inner.describe()
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.close()
    }
}
