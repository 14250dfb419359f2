//! Writing into the tables.

use std::{collections::HashMap, sync::Arc};

use bytestring::ByteString;
use cloudstate_protocol::Any;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::{queue::Answer, record};
use crate::store::{Append, EntityKey, EntityRef, StoreError};

/// Entities whose last sequence number is remembered.
const REMEMBERED: usize = 100_000;
/// Types that are remembered. A service has few.
pub(super) const REMEMBERED_TYPES: usize = 10_000;

/// The tables within one transaction.
pub(super) struct Tables<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) last_position: &'a mut u64,
    pub(super) sequences: &'a mut HashMap<i64, u64>,
    pub(super) types: &'a mut HashMap<ByteString, i64>,
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
        if append.events.is_empty() {
            return Ok(Ok(actual));
        }
        let number = match known {
            Some(number) => number,
            None => self.insert(&append.entity)?,
        };
        if append.entity.number().is_none() {
            numbers.push((Arc::clone(&append.entity), number));
        }
        let mut sequence = actual;
        for event in &append.events {
            sequence += 1;
            self.event(number, append.entity.key(), sequence, event)?;
        }
        if let Some(snapshot) = &append.snapshot {
            self.snapshot(number, append.entity.key(), sequence, snapshot)?;
        }
        if self.sequences.len() >= REMEMBERED {
            self.sequences.clear();
        }
        self.sequences.insert(number, sequence);
        Ok(Ok(sequence))
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
        if let Some(&sequence) = self.sequences.get(&number) {
            return Ok(sequence);
        }
        self.transaction
            .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event WHERE entity = ?1")?
            .query_row([number], |row| row.get(0))
    }

    fn event(
        &mut self,
        number: i64,
        entity: &EntityKey,
        sequence: u64,
        event: &Any,
    ) -> rusqlite::Result<()> {
        let payload_type = self.payload_type(&event.type_url)?;
        *self.last_position += 1;
        let checksum = record::checksum(entity, sequence, &event.type_url, &event.value);
        self.transaction
            .prepare_cached(
                "INSERT INTO event (position, entity, sequence, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                *self.last_position,
                number,
                sequence,
                payload_type,
                &*event.value,
                self.time,
                checksum,
            ))?;
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

    fn payload_type(&mut self, url: &ByteString) -> rusqlite::Result<i64> {
        if let Some(&number) = self.types.get(url) {
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
        if self.types.len() >= REMEMBERED_TYPES {
            self.types.clear();
        }
        // A copy of its own: a slice would keep the request that it arrived in.
        self.types.insert(ByteString::from(url.to_string()), number);
        Ok(number)
    }
}

/// The number of an entity that has events.
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
