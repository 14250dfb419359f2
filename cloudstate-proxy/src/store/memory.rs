//! The journal in memory, for tests and for services whose state may go with the process.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use cloudstate_protocol::Any;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use super::{
    Append, Change, Commit, EntityKey, EntityRef, EntityValue, Extend, JournalEntry, PAGE_BYTES,
    Put, Store, StoreError, StoredEvent, StoredSnapshot, StoredValue, Write,
};

/// Room for payloads of events that is taken at a time.
const ROOM: usize = 256 << 10;

/// A store that keeps everything in memory, and nothing longer than the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
    grown: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Contents {
    /// In the order of positions.
    journal: Vec<Recorded>,
    /// Where payloads of events go, which stay for good. One by one they would be all over the heap, and what entities
    /// allocate in between them: with half a million events, reading a cart of ten lines took 6.5 microseconds of
    /// processor time more than with few. It takes 1.3 more.
    room: BytesMut,
    entities: HashMap<EntityKey, History>,
    /// Each type URL once.
    types: HashSet<ByteString>,
    closed: bool,
}

/// An entry of the journal, without what follows from its place.
#[derive(Debug)]
struct Recorded {
    time: SystemTime,
    entity: Arc<EntityKey>,
    sequence: u64,
    payload: Any,
}

#[derive(Debug, Default)]
struct History {
    /// Shared by its events; none before the first.
    key: Option<Arc<EntityKey>>,
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

/// The entries behind the first `after`, by their numbers, at most `limit`, until their payloads fill a page.
fn page<'a>(
    entries: impl Iterator<Item = &'a Recorded>,
    after: u64,
    limit: usize,
) -> impl Iterator<Item = (u64, &'a Recorded)> {
    let mut bytes = 0;
    (1..)
        .zip(entries)
        .skip(usize::try_from(after).unwrap_or(usize::MAX))
        .take(limit)
        .take_while(move |(_, entry)| {
            let has_room = bytes < PAGE_BYTES;
            bytes += entry.payload.value.len();
            has_room
        })
}

impl Contents {
    /// Stores everything, or says what is in the way.
    fn write_all(&mut self, writes: Vec<Write>) -> Result<u64, StoreError> {
        for write in &writes {
            self.check(write)?;
        }
        let numbers = writes.into_iter().map(|write| self.apply(write));
        Ok(numbers.reduce(|first, _| first).unwrap_or(0))
    }

    fn write(&mut self, write: Write) -> Result<u64, StoreError> {
        self.check(&write)?;
        Ok(self.apply(write))
    }

    /// Stores what has been checked.
    fn apply(&mut self, write: Write) -> u64 {
        match write {
            Write::Append(append) => {
                self.extend(append.entity.key(), &append.events, append.snapshot)
            }
            Write::Put(put) => self.put(&put),
            Write::Extend(Extend { entity, events }) => self.extend(entity.key(), &events, None),
        }
    }

    fn check(&self, write: &Write) -> Result<(), StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        let key = write.entity().key();
        let history = self.entities.get(key);
        let (expected, actual) = match write {
            Write::Append(append) => (
                append.after,
                history.map_or(0, |history| history.events.len() as u64),
            ),
            Write::Put(put) => {
                let value = history.map(|history| &history.value);
                let is_there = value.is_some_and(|value| value.payload.is_some());
                if matches!(put.change, Change::Delta(_)) && !is_there {
                    return Err(StoreError::NoValue {
                        entity: key.clone(),
                    });
                }
                (put.after, value.map_or(0, |value| value.revision))
            }
            Write::Extend(_) => return Ok(()),
        };
        if expected == actual {
            return Ok(());
        }
        Err(StoreError::Conflict {
            entity: key.clone(),
            expected,
            actual,
        })
    }

    fn extend(&mut self, key: &EntityKey, events: &[Any], snapshot: Option<Any>) -> u64 {
        let snapshot = snapshot.filter(|_| !events.is_empty());
        let snapshot = snapshot.map(|snapshot| self.own(&snapshot));
        let time = SystemTime::now();
        let Self {
            journal,
            room,
            entities,
            types,
            ..
        } = self;
        let history = entities.entry(key.clone()).or_default();
        let key = history.key.get_or_insert_with(|| Arc::new(key.clone()));
        let mut sequence = history.events.len() as u64;
        for event in events {
            sequence += 1;
            history.events.push(journal.len());
            journal.push(Recorded {
                time,
                entity: Arc::clone(key),
                sequence,
                payload: Any {
                    type_url: known(types, &event.type_url),
                    value: kept(room, &event.value),
                },
            });
        }
        if let Some(payload) = snapshot {
            history.snapshot = Some(StoredSnapshot { sequence, payload });
        }
        sequence
    }

    fn put(&mut self, put: &Put) -> u64 {
        let payload = put.change.payload().map(|payload| self.own(payload));
        let history = self.entities.entry(put.entity.key().clone()).or_default();
        let value = &mut history.value;
        value.revision += 1;
        match put.change {
            Change::Delta(_) => value.deltas.extend(payload),
            Change::Whole(_) | Change::Delete => {
                value.payload = payload;
                value.deltas.clear();
            }
        }
        value.revision
    }

    /// A payload with bytes of its own: as a part of the message that it came with it would keep all of that in memory.
    fn own(&mut self, payload: &Any) -> Any {
        Any {
            type_url: known(&mut self.types, &payload.type_url),
            value: Bytes::copy_from_slice(&payload.value),
        }
    }

    fn values(&self, persistence_id: &str, after: &str, limit: usize) -> Vec<EntityValue> {
        let mut found: Vec<_> = self
            .entities
            .iter()
            .filter(|(key, _)| *key.persistence_id == *persistence_id && *key.entity_id > *after)
            .filter_map(|(key, history)| {
                Some(EntityValue {
                    entity: key.clone(),
                    revision: history.value.revision,
                    payload: history.value.payload.clone()?,
                    deltas: history.value.deltas.clone(),
                })
            })
            .collect();
        found.sort_unstable_by(|a, b| a.entity.entity_id.cmp(&b.entity.entity_id));
        let mut bytes = 0;
        let has_room = |value: &EntityValue| {
            let has_room = bytes < PAGE_BYTES;
            bytes += value.size();
            has_room
        };
        found.into_iter().take(limit).take_while(has_room).collect()
    }
}

/// A type URL with bytes of its own.
fn known(types: &mut HashSet<ByteString>, type_url: &ByteString) -> ByteString {
    if let Some(known) = types.get(type_url) {
        return known.clone();
    }
    let new = ByteString::from(type_url.to_string());
    types.insert(new.clone());
    new
}

/// A payload that stays for good, beside others that do.
fn kept(room: &mut BytesMut, payload: &[u8]) -> Bytes {
    if payload.len() > ROOM / 16 {
        return Bytes::copy_from_slice(payload);
    }
    if room.capacity() < payload.len() {
        *room = BytesMut::with_capacity(ROOM);
    }
    room.extend_from_slice(payload);
    room.split().freeze()
}

impl Store for MemoryStore {
    fn append(&self, append: Append) -> Commit {
        let mut contents = self.contents();
        let result = contents.write(Write::Append(append));
        self.grown.send_replace(contents.journal.len() as u64);
        Commit::ready(result)
    }

    fn put(&self, put: Put) -> Commit {
        Commit::ready(self.contents().write(Write::Put(put)))
    }

    fn write(&self, writes: Vec<Write>) -> Commit {
        let mut contents = self.contents();
        let result = contents.write_all(writes);
        self.grown.send_replace(contents.journal.len() as u64);
        Commit::ready(result)
    }

    fn values(
        &self,
        persistence_id: &Arc<str>,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<EntityValue>, StoreError>> {
        self.read(|contents| contents.values(persistence_id, after, limit))
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
                .map(|(sequence, entry)| StoredEvent {
                    sequence,
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
                .map(|(position, entry)| JournalEntry {
                    position,
                    time: entry.time,
                    entity: EntityKey::clone(&entry.entity),
                    sequence: entry.sequence,
                    payload: entry.payload.clone(),
                })
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use bytestring::ByteString;
    use cloudstate_protocol::Any;

    use super::MemoryStore;
    use crate::store::{Append, Change, EntityKey, EntityRef, Put, Store};

    #[tokio::test]
    async fn what_is_stored_does_not_keep_the_message_that_it_came_with() {
        let message: Arc<[u8]> = b"type.of/Event and 8 KB of other things"[..].into();
        let part = |range| Bytes::from_owner(Arc::clone(&message)).slice(range);
        let payload = || Any {
            type_url: ByteString::try_from(part(0..13)).unwrap(),
            value: part(18..22),
        };
        let store = MemoryStore::new();
        let entity = |id: &str| {
            Arc::new(EntityRef::new(EntityKey {
                persistence_id: "test".into(),
                entity_id: id.into(),
            }))
        };
        let append = store.append(Append {
            entity: entity("events"),
            after: 0,
            events: vec![payload(), payload()],
            snapshot: Some(payload()),
        });
        assert_eq!(append.await, Ok(2));
        let put = store.put(Put {
            entity: entity("value"),
            after: 0,
            change: Change::Whole(payload()),
        });
        assert_eq!(put.await, Ok(1));
        assert_eq!(Arc::strong_count(&message), 1);
        let events = store.events(&entity("events"), 0, 10).await.unwrap();
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|event| event.payload == payload()));
    }
}
