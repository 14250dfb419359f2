//! A store that fails when a test says so.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cloudstate_proxy::store::{
    Append, Commit, EntityRef, JournalEntry, MemoryStore, Put, Store, StoreError, StoredEvent,
    StoredSnapshot, StoredValue,
};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

/// Refuses as many writes as it is told to.
#[derive(Debug, Default)]
pub(crate) struct Unreliable {
    inner: MemoryStore,
    failing: AtomicUsize,
}

impl Unreliable {
    /// Refuses the next writes, so many of them.
    pub(crate) fn fail(&self, count: usize) {
        self.failing.store(count, Ordering::Relaxed);
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
            Err(_) => write(&self.inner),
        }
    }
}

impl Store for Unreliable {
    fn append(&self, append: Append) -> Commit {
        self.write(|inner| inner.append(append))
    }

    fn put(&self, put: Put) -> Commit {
        self.write(|inner| inner.put(put))
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
