//! The journal in memory, for tests and for services whose state may go with the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use super::{
    Append, Commit, EntityKey, EntityRef, JournalEntry, PAGE_BYTES, Put, Store, StoreError,
    StoredEvent, StoredSnapshot, StoredValue,
};

/// A store that keeps everything in memory, and nothing longer than the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
    grown: watch::Sender<u64>,
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
    value: StoredValue,
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

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Contents) -> T,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let contents = self.contents();
        let result = if contents.closed {
            Err(StoreError::Closed)
        } else {
            Ok(read(&contents))
        };
        async { result }.boxed()
    }
}

/// The entries behind the first `after`, at most `limit`, until their payloads fill a page.
fn page<'a>(
    entries: impl Iterator<Item = &'a JournalEntry>,
    after: u64,
    limit: usize,
) -> impl Iterator<Item = &'a JournalEntry> {
    let mut bytes = 0;
    entries
        .skip(usize::try_from(after).unwrap_or(usize::MAX))
        .take(limit)
        .take_while(move |entry| {
            let has_room = bytes < PAGE_BYTES;
            bytes += entry.payload.value.len();
            has_room
        })
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

    fn put(&mut self, put: Put) -> Result<u64, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        let key = put.entity.key();
        let value = &mut self.entities.entry(key.clone()).or_default().value;
        if value.revision != put.after {
            return Err(StoreError::Conflict {
                entity: key.clone(),
                expected: put.after,
                actual: value.revision,
            });
        }
        value.revision += 1;
        value.payload = put.value;
        Ok(value.revision)
    }
}

impl Store for MemoryStore {
    fn append(&self, append: Append) -> Commit {
        let mut contents = self.contents();
        let result = contents.append(append);
        self.grown.send_replace(contents.journal.len() as u64);
        Commit::ready(result)
    }

    fn put(&self, put: Put) -> Commit {
        Commit::ready(self.contents().put(put))
    }

    fn value(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<StoredValue, StoreError>> {
        self.read(|contents| {
            let history = contents.entities.get(entity.key());
            history.map_or_else(StoredValue::default, |history| history.value.clone())
        })
    }

    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>> {
        self.read(|contents| contents.entities.get(entity.key())?.snapshot.clone())
    }

    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>> {
        self.read(|contents| {
            let history = contents.entities.get(entity.key());
            let indices = history.map_or(&[][..], |history| &history.events);
            let entries = indices.iter().map(|&index| &contents.journal[index]);
            page(entries, after, limit)
                .map(|entry| StoredEvent {
                    sequence: entry.sequence,
                    payload: entry.payload.clone(),
                })
                .collect()
        })
    }

    fn journal(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<JournalEntry>, StoreError>> {
        self.read(|contents| {
            page(contents.journal.iter(), after, limit)
                .cloned()
                .collect()
        })
    }

    fn last_position(&self) -> BoxFuture<'static, Result<u64, StoreError>> {
        self.read(|contents| contents.journal.len() as u64)
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    fn describe(&self) -> String {
        "stored in memory only".into()
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        self.contents().closed = true;
        async { Ok(()) }.boxed()
    }
}
