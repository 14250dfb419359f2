//! Writing into the tables.

use std::{collections::HashMap, sync::Arc};

use bytestring::ByteString;
use cloudstate_protocol::Any;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{
    index::{Entry, Recent},
    mark::Extent,
    queue::Answer,
    record,
};
use crate::store::{Append, Change, EntityKey, EntityRef, Extend, Put, StoreError, Write};

/// Entities whose last sequence number is remembered, and those whose value is.
const REMEMBERED: usize = 100_000;
/// Types that are remembered. A service has few.
pub(super) const REMEMBERED_TYPES: usize = 10_000;

/// What has been read from the tables or written to them, so that it need not be read again.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Last sequence number by entity.
    sequences: HashMap<i64, u64>,
    /// What there is of the value, by entity.
    values: HashMap<i64, Head>,
    types: HashMap<ByteString, i64>,
}

/// How far a value has come.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    revision: u64,
    /// Whether there is one; it may have been deleted.
    is_there: bool,
    has_deltas: bool,
}

impl Remembered {
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes back what was learnt from writes that are rolled back, of which these are the events; what the transaction
    /// has stored before stays known.
    fn undo(&mut self, appended: &[Entry]) {
        self.values.clear();
        self.types.clear();
        for event in appended.iter().rev() {
            self.sequences.insert(event.entity, event.sequence - 1);
        }
    }

    /// Makes room, between transactions: within one, nothing else knows what it has stored.
    pub(super) fn trim(&mut self) {
        if self.sequences.len() >= REMEMBERED {
            self.sequences.clear();
        }
        if self.values.len() >= REMEMBERED {
            self.values.clear();
        }
    }
}

/// The tables within one transaction.
pub(super) struct Tables<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) stored: &'a mut Extent,
    pub(super) remembered: &'a mut Remembered,
    pub(super) recent: &'a Recent,
    /// The events that have been stored, for the index.
    pub(super) appended: Vec<Entry>,
    pub(super) time: i64,
}

impl Tables<'_> {
    /// Stores an append, or says what it conflicts with. Entities that are new to the caller are added to `numbers`;
    /// they have their numbers once the transaction is committed.
    pub(super) fn append(
        &mut self,
        append: &Append,
        numbers: &mut Vec<(Arc<EntityRef>, i64)>,
    ) -> rusqlite::Result<Answer> {
        let known = match append.entity.number() {
            Some(number) => Some(number),
            None => self.find(&append.entity)?,
        };
        let actual = match known {
            Some(number) => self.sequence(number)?,
            None => 0,
        };
        if actual != append.after {
            let (entity, expected) = (append.entity.key().clone(), append.after);
            return Ok(Err(StoreError::Conflict {
                entity,
                expected,
                actual,
            }));
        }
        let snapshot = append.snapshot.as_ref();
        self.events(
            &append.entity,
            known,
            actual,
            &append.events,
            snapshot,
            numbers,
        )
        .map(Ok)
    }

    /// Stores events behind those that are there; otherwise like [`append`](Self::append).
    fn extend(
        &mut self,
        extend: &Extend,
        numbers: &mut Vec<(Arc<EntityRef>, i64)>,
    ) -> rusqlite::Result<u64> {
        let known = match extend.entity.number() {
            Some(number) => Some(number),
            None => self.find(&extend.entity)?,
        };
        let actual = match known {
            Some(number) => self.sequence(number)?,
            None => 0,
        };
        self.events(&extend.entity, known, actual, &extend.events, None, numbers)
    }

    /// Stores several changes, or says what the first conflict is; then nothing of them is stored. Otherwise like
    /// [`append`](Self::append).
    pub(super) fn together(
        &mut self,
        writes: &[Write],
        numbers: &mut Vec<(Arc<EntityRef>, i64)>,
    ) -> rusqlite::Result<Answer> {
        let (stored, known, appended) = (*self.stored, numbers.len(), self.appended.len());
        self.run("SAVEPOINT together")?;
        let mut first = None;
        for write in writes {
            let answer = match write {
                Write::Append(append) => self.append(append, numbers)?,
                Write::Put(put) => self.put(put, numbers)?,
                Write::Extend(extend) => Ok(self.extend(extend, numbers)?),
            };
            match answer {
                Ok(number) => first = first.or(Some(number)),
                Err(conflict) => {
                    self.run("ROLLBACK TO together")?;
                    self.run("RELEASE together")?;
                    *self.stored = stored;
                    numbers.truncate(known);
                    self.remembered.undo(&self.appended.split_off(appended));
                    return Ok(Err(conflict));
                }
            }
        }
        self.run("RELEASE together")?;
        Ok(Ok(first.unwrap_or(0)))
    }

    fn run(&self, statement: &str) -> rusqlite::Result<()> {
        self.transaction.prepare_cached(statement)?.execute([])?;
        Ok(())
    }

    /// Stores events behind the one of sequence number `last`, and gives the sequence number of the last of them.
    fn events(
        &mut self,
        entity: &Arc<EntityRef>,
        known: Option<i64>,
        last: u64,
        events: &[Any],
        snapshot: Option<&Any>,
        numbers: &mut Vec<(Arc<EntityRef>, i64)>,
    ) -> rusqlite::Result<u64> {
        if events.is_empty() {
            return Ok(last);
        }
        let number = match known {
            Some(number) => number,
            None => self.insert(entity)?,
        };
        if entity.number().is_none() {
            numbers.push((Arc::clone(entity), number));
        }
        let mut sequence = last;
        for event in events {
            sequence += 1;
            self.event(number, entity.key(), sequence, event)?;
        }
        if let Some(snapshot) = snapshot {
            self.snapshot(number, entity.key(), sequence, snapshot)?;
        }
        self.remembered.sequences.insert(number, sequence);
        Ok(sequence)
    }

    /// Stores a change of a value, or says what it conflicts with; otherwise like [`append`](Self::append).
    pub(super) fn put(
        &mut self,
        put: &Put,
        numbers: &mut Vec<(Arc<EntityRef>, i64)>,
    ) -> rusqlite::Result<Answer> {
        let known = match put.entity.number() {
            Some(number) => Some(number),
            None => self.find(&put.entity)?,
        };
        let head = match known {
            Some(number) => self.head(number)?,
            None => Head::default(),
        };
        let entity = put.entity.key();
        if matches!(put.change, Change::Delta(_)) && !head.is_there {
            let entity = entity.clone();
            return Ok(Err(StoreError::NoValue { entity }));
        }
        if head.revision != put.after {
            return Ok(Err(StoreError::Conflict {
                entity: entity.clone(),
                expected: put.after,
                actual: head.revision,
            }));
        }
        let number = match known {
            Some(number) => number,
            None => self.insert(&put.entity)?,
        };
        if put.entity.number().is_none() {
            numbers.push((Arc::clone(&put.entity), number));
        }
        let revision = head.revision + 1;
        match &put.change {
            Change::Delta(delta) => self.delta(number, entity, revision, delta)?,
            Change::Whole(_) | Change::Delete => {
                if head.has_deltas {
                    self.drop_deltas(number)?;
                }
                self.value(number, entity, revision, put.change.payload())?;
            }
        }
        self.stored.changes += 1;
        let head = Head {
            revision,
            is_there: put.change != Change::Delete,
            has_deltas: matches!(put.change, Change::Delta(_)),
        };
        self.remembered.values.insert(number, head);
        Ok(Ok(revision))
    }

    /// Writes down how many changes of values there have been; once for all changes of a transaction.
    pub(super) fn count_changes(&self) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached("UPDATE value_changes SET count = ?1")?
            .execute([self.stored.changes])?;
        Ok(())
    }

    fn find(&self, entity: &EntityRef) -> rusqlite::Result<Option<i64>> {
        find_entity(self.transaction, entity)
    }

    fn insert(&self, entity: &EntityRef) -> rusqlite::Result<i64> {
        let key = entity.key();
        self.transaction
            .prepare_cached("INSERT INTO entity (persistence_id, entity_id) VALUES (?1, ?2)")?
            .insert((&*key.persistence_id, &*key.entity_id))
    }

    fn sequence(&self, number: i64) -> rusqlite::Result<u64> {
        if let Some(&sequence) = self.remembered.sequences.get(&number) {
            return Ok(sequence);
        }
        last_sequence(self.transaction, self.recent, number)
    }

    fn head(&self, number: i64) -> rusqlite::Result<Head> {
        if let Some(&head) = self.remembered.values.get(&number) {
            return Ok(head);
        }
        let found = self
            .transaction
            .prepare_cached(
                "SELECT revision, type IS NOT NULL,
                        (SELECT revision FROM last_delta WHERE entity = ?1)
                 FROM value WHERE entity = ?1",
            )?
            .query_row([number], |row| {
                let last: Option<u64> = row.get(2)?;
                Ok(Head {
                    revision: last.unwrap_or(row.get(0)?),
                    is_there: row.get(1)?,
                    has_deltas: last.is_some(),
                })
            })
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    fn event(
        &mut self,
        number: i64,
        entity: &EntityKey,
        sequence: u64,
        event: &Any,
    ) -> rusqlite::Result<()> {
        let payload_type = self.payload_type(&event.type_url)?;
        self.stored.position += 1;
        let checksum = record::checksum(entity, sequence, &event.type_url, &event.value);
        self.transaction
            .prepare_cached(
                "INSERT INTO event (position, entity, sequence, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                self.stored.position,
                number,
                sequence,
                payload_type,
                &*event.value,
                self.time,
                checksum,
            ))?;
        self.appended.push(Entry {
            entity: number,
            sequence,
            position: self.stored.position,
        });
        Ok(())
    }

    fn snapshot(
        &mut self,
        number: i64,
        entity: &EntityKey,
        sequence: u64,
        snapshot: &Any,
    ) -> rusqlite::Result<()> {
        let payload_type = self.payload_type(&snapshot.type_url)?;
        let checksum = record::checksum(entity, sequence, &snapshot.type_url, &snapshot.value);
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO snapshot (entity, sequence, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                number,
                sequence,
                payload_type,
                &*snapshot.value,
                self.time,
                checksum,
            ))?;
        Ok(())
    }

    fn value(
        &mut self,
        number: i64,
        entity: &EntityKey,
        revision: u64,
        value: Option<&Any>,
    ) -> rusqlite::Result<()> {
        let (type_url, payload) =
            value.map_or(("", &[][..]), |value| (&*value.type_url, &*value.value));
        let payload_type = value
            .map(|value| self.payload_type(&value.type_url))
            .transpose()?;
        let checksum = record::checksum(entity, revision, type_url, payload);
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO value (entity, revision, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((number, revision, payload_type, payload, self.time, checksum))?;
        Ok(())
    }

    fn delta(
        &mut self,
        number: i64,
        entity: &EntityKey,
        revision: u64,
        delta: &Any,
    ) -> rusqlite::Result<()> {
        let payload_type = self.payload_type(&delta.type_url)?;
        let checksum = record::checksum(entity, revision, &delta.type_url, &delta.value);
        self.transaction
            .prepare_cached(
                "INSERT INTO value_delta (entity, revision, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                number,
                revision,
                payload_type,
                &*delta.value,
                self.time,
                checksum,
            ))?;
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO last_delta (entity, revision) VALUES (?1, ?2)")?
            .execute((number, revision))?;
        Ok(())
    }

    fn drop_deltas(&self, number: i64) -> rusqlite::Result<()> {
        for statement in [
            "DELETE FROM value_delta WHERE entity = ?1",
            "DELETE FROM last_delta WHERE entity = ?1",
        ] {
            self.transaction
                .prepare_cached(statement)?
                .execute([number])?;
        }
        Ok(())
    }

    fn payload_type(&mut self, url: &ByteString) -> rusqlite::Result<i64> {
        if let Some(&number) = self.remembered.types.get(url) {
            return Ok(number);
        }
        let found = self
            .transaction
            .prepare_cached("SELECT id FROM payload_type WHERE url = ?1")?
            .query_row([&**url], |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => self
                .transaction
                .prepare_cached("INSERT INTO payload_type (url) VALUES (?1)")?
                .insert([&**url])?,
        };
        let types = &mut self.remembered.types;
        if types.len() >= REMEMBERED_TYPES {
            types.clear();
        }
        // A copy of its own: a slice would keep the request that it arrived in.
        types.insert(ByteString::from(url.to_string()), number);
        Ok(number)
    }
}

/// Sequence number of an entity's last event; 0 if there is none.
pub(super) fn last_sequence(
    connection: &Connection,
    recent: &Recent,
    number: i64,
) -> rusqlite::Result<u64> {
    if let Some(sequence) = recent.last(number) {
        return Ok(sequence);
    }
    connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event_of_entity WHERE entity = ?1")?
        .query_row([number], |row| row.get(0))
}

/// The number of an entity that has events or a value.
pub(super) fn find_entity(
    connection: &Connection,
    entity: &EntityRef,
) -> rusqlite::Result<Option<i64>> {
    let key = entity.key();
    connection
        .prepare_cached("SELECT id FROM entity WHERE persistence_id = ?1 AND entity_id = ?2")?
        .query_row((&*key.persistence_id, &*key.entity_id), |row| row.get(0))
        .optional()
}
