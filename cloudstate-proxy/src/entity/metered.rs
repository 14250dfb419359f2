//! A store that measures what the entities of one type read and write.

use std::{slice, sync::Arc};

use cloudstate_protocol::Any;
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use prometheus::core::Collector;
use tokio::{sync::watch, time::Instant};

use crate::{
    metrics::{EntityMeters, Persisting},
    store::{
        Append, Change, Commit, EntityRef, EntityValue, JournalEntry, Put, Store, StoreError,
        StoredEvent, StoredSnapshot, StoredValue, Trouble, Write,
    },
};

/// A store as one entity type uses it.
#[derive(Debug)]
pub(super) struct MeteredStore {
    store: Arc<dyn Store>,
    meters: Arc<EntityMeters>,
}

impl MeteredStore {
    pub(super) fn new(store: Arc<dyn Store>, meters: Arc<EntityMeters>) -> Self {
        Self { store, meters }
    }

    fn persisting(&self, payloads: &[Any], snapshot: Option<&Any>) -> Persisting {
        Persisting {
            meters: Arc::clone(&self.meters),
            since: Instant::now(),
            count: payloads.len() as u64,
            bytes: payloads.iter().map(size).sum(),
            snapshot: snapshot.map(size),
            deletes: false,
        }
    }

    fn changing(&self, put: &Put) -> Persisting {
        Persisting {
            deletes: put.change == Change::Delete,
            ..self.persisting(put.change.payload().map_or(&[], slice::from_ref), None)
        }
    }
}

impl Store for MeteredStore {
    fn append(&self, append: Append) -> Commit {
        let persisting = self.persisting(&append.events, append.snapshot.as_ref());
        self.store.append(append).measured(persisting)
    }

    fn put(&self, put: Put) -> Commit {
        let persisting = self.changing(&put);
        self.store.put(put).measured(persisting)
    }

    /// What is published beside an entity's change is no part of the entity.
    fn write(&self, writes: Vec<Write>) -> Commit {
        let persisting = writes.iter().find_map(|write| match write {
            Write::Append(append) => {
                Some(self.persisting(&append.events, append.snapshot.as_ref()))
            }
            Write::Put(put) => Some(self.changing(put)),
            Write::Extend(_) => None,
        });
        let commit = self.store.write(writes);
        match persisting {
            Some(persisting) => commit.measured(persisting),
            None => commit,
        }
    }

    fn value(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<StoredValue, StoreError>> {
        let meters = Arc::clone(&self.meters);
        self.store
            .value(entity)
            .inspect_ok(move |value| {
                if let Some(payload) = &value.payload {
                    let deltas = value.deltas.iter().map(size);
                    meters.loaded(1, size(payload) + deltas.sum::<u64>());
                }
            })
            .boxed()
    }

    fn values(
        &self,
        persistence_id: &Arc<str>,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<EntityValue>, StoreError>> {
        self.store.values(persistence_id, after, limit)
    }

    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>> {
        let meters = Arc::clone(&self.meters);
        self.store
            .latest_snapshot(entity)
            .inspect_ok(move |snapshot| {
                if let Some(snapshot) = snapshot {
                    meters.loaded_snapshot(size(&snapshot.payload));
                }
            })
            .boxed()
    }

    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>> {
        let meters = Arc::clone(&self.meters);
        self.store
            .events(entity, after, limit)
            .inspect_ok(move |events| {
                let bytes = events.iter().map(|event| size(&event.payload)).sum();
                meters.loaded(events.len() as u64, bytes);
            })
            .boxed()
    }

    fn journal(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<JournalEntry>, StoreError>> {
        self.store.journal(after, limit)
    }

    fn last_position(&self) -> BoxFuture<'static, Result<u64, StoreError>> {
        self.store.last_position()
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.store.grown()
    }

    fn trouble(&self) -> Option<watch::Receiver<Option<Trouble>>> {
        self.store.trouble()
    }

    fn describe(&self) -> String {
        self.store.describe()
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        self.store.collectors()
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        self.store.close()
    }
}

fn size(payload: &Any) -> u64 {
    payload.value.len() as u64
}
