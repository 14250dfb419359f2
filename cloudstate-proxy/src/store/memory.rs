//! The journal in memory, for tests and for services whose state may go with the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Append, Commit, EntityKey, EntityRef, JournalEntry, Store, StoreError, StoredEvent,
    StoredSnapshot,
};

/// A store that keeps everything in memory, and nothing longer than the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    /// In the order of positions.
    journal: Vec<JournalEntry>,
    entities: HashMap<EntityKey, History>,
    closed: bool,
}

#[derive(Debug, Default)]
struct History {
    /// Indices into the journal.
    events: Vec<usize>,
    snapshot: Option<StoredSnapshot>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Nothing below panics half-way through a change.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn append(&mut self, append: Append) -> Result<u64, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        let key = append.entity.key();
        let history = self.entities.entry(key.clone()).or_default();
        let actual = history.events.len() as u64;
        if actual != append.after {
            return Err(StoreError::Conflict {
                entity: key.clone(),
                expected: append.after,
                actual,
            });
        }
        let (mut sequence, time) = (actual, SystemTime::now());
        let snapshot = append.snapshot.filter(|_| !append.events.is_empty());
        for payload in append.events {
            sequence += 1;
            history.events.push(self.journal.len());
            let position = self.journal.len() as u64 + 1;
            self.journal.push(JournalEntry {
                position,
                time,
                entity: key.clone(),
                sequence,
                payload,
            });
        }
        if let Some(payload) = snapshot {
            history.snapshot = Some(StoredSnapshot { sequence, payload });
        }
        Ok(sequence)
    }
}

impl Store for MemoryStore {
    fn append(&self, append: Append) -> Commit {
        Commit::ready(self.contents().append(append))
    }

    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>> {
        let snapshot = self
            .contents()
            .entities
            .get(entity.key())
            .and_then(|history| history.snapshot.clone());
        async { Ok(snapshot) }.boxed()
    }

    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>> {
        let contents = self.contents();
        let indices = contents
            .entities
            .get(entity.key())
            .map_or(&[][..], |history| &history.events);
        let page = indices
            .iter()
            .skip(usize::try_from(after).unwrap_or(usize::MAX))
            .take(limit)
            .map(|&index| &contents.journal[index])
            .map(|entry| StoredEvent {
                sequence: entry.sequence,
                payload: entry.payload.clone(),
            })
            .collect();
        async { Ok(page) }.boxed()
    }

    fn journal(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<JournalEntry>, StoreError>> {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        let page = self
            .contents()
            .journal
            .iter()
            .skip(skipped)
            .take(limit)
            .cloned()
            .collect();
        async { Ok(page) }.boxed()
    }

    fn last_position(&self) -> BoxFuture<'static, Result<u64, StoreError>> {
        let position = self.contents().journal.len() as u64;
        async move { Ok(position) }.boxed()
    }

    fn describe(&self) -> String {
        "stored in memory only".into()
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        self.contents().closed = true;
        async { Ok(()) }.boxed()
    }
}
