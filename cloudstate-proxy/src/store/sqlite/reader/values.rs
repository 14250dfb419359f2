//! Reading values.

use std::sync::Arc;

use bytes::Bytes;
use cloudstate_protocol::Any;
use rusqlite::Row;

use super::ReadConnection;
use crate::store::{
    EntityKey, EntityRef, EntityValue, PAGE_BYTES, StoreError, StoredValue, sqlite::record,
};

/// A row of `value` or of `value_delta`.
struct ValueRow {
    is_delta: bool,
    revision: u64,
    payload_type: Option<i64>,
    payload: Bytes,
    checksum: u32,
    /// Of a whole value, the revision of its last delta.
    last: Option<u64>,
}

impl ValueRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            is_delta: row.get(0)?,
            revision: row.get(1)?,
            payload_type: row.get(2)?,
            payload: Bytes::copy_from_slice(row.get_ref(3)?.as_blob()?),
            checksum: row.get(4)?,
            last: row.get(5)?,
        })
    }
}

impl ReadConnection {
    pub(in crate::store::sqlite) fn value(
        &mut self,
        entity: &EntityRef,
    ) -> Result<StoredValue, StoreError> {
        let Some(number) = self.number(entity)? else {
            return Ok(StoredValue::default());
        };
        let known = self.recent.of(number, 0, 0);
        let mut rows = self.value_rows(number)?.into_iter();
        let Some(first) = rows.next() else {
            if self.last_sequence(number)? == 0 && !self.has_event_behind(known.added, number)? {
                // An entity gets its number with its first event or value.
                let entity = entity.key();
                return Err(self.corrupt(format!(
                    "table value: the value of entity {entity} is not found"
                )));
            }
            return Ok(StoredValue::default());
        };
        let entity = entity.key();
        let (whole, last) = (first.revision, first.last.unwrap_or(first.revision));
        let revisions = rows.as_slice().iter().map(|row| row.revision);
        if first.is_delta || !revisions.eq(whole + 1..=last) {
            return Err(self.corrupt(format!(
                "the value of entity {entity} and its deltas do not fit together"
            )));
        }
        let payload = self.checked(entity, first)?;
        let deltas = rows
            .filter_map(|row| self.checked(entity, row).transpose())
            .collect::<Result<_, _>>()?;
        Ok(StoredValue {
            revision: last,
            payload,
            deltas,
        })
    }

    /// What is stored of a value: the row of the whole, then those of its deltas.
    ///
    /// It is one statement, because a writer may put another whole in their place between two.
    fn value_rows(&self, number: i64) -> Result<Vec<ValueRow>, StoreError> {
        let read = || {
            self.connection
                .prepare_cached(
                    "SELECT 0, revision, type, payload, checksum,
                            (SELECT revision FROM last_delta WHERE entity = ?1)
                     FROM value WHERE entity = ?1
                     UNION ALL
                     SELECT 1, revision, type, payload, checksum, NULL FROM value_delta WHERE entity = ?1
                     ORDER BY 2",
                )?
                .query_map([number], ValueRow::read)?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.failed(&error))
    }

    /// The payload of a row that is as it was written; `None` if it says that there is no value.
    fn checked(&mut self, entity: &EntityKey, row: ValueRow) -> Result<Option<Any>, StoreError> {
        let ValueRow {
            is_delta,
            revision,
            payload_type,
            payload: value,
            checksum,
            ..
        } = row;
        let type_url = payload_type
            .map(|number| {
                let found = self.type_url(number)?;
                found.ok_or_else(|| self.corrupt("table value: its type is missing".into()))
            })
            .transpose()?;
        let named = type_url.as_deref().unwrap_or_default();
        if checksum != record::checksum(entity, revision, named, &value) {
            let what = if is_delta { "a delta" } else { "the value" };
            return Err(self.corrupt(format!(
                "{what} of entity {entity}, at revision {revision}, does not match its checksum"
            )));
        }
        Ok(type_url.map(|type_url| Any { type_url, value }))
    }

    pub(in crate::store::sqlite) fn values(
        &mut self,
        persistence_id: &Arc<str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<EntityValue>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            self.connection
                .prepare_cached(
                    "SELECT entity.id, entity.entity_id FROM entity JOIN value ON value.entity = entity.id
                     WHERE entity.persistence_id = ?1 AND entity.entity_id > ?2 AND value.type IS NOT NULL
                     ORDER BY entity.entity_id LIMIT ?3",
                )?
                .query_map((&**persistence_id, after, limit as u64), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect()
        };
        let found = read().map_err(|error| self.failed(&error))?;
        let (mut values, mut bytes) = (Vec::with_capacity(found.len()), 0);
        for (number, entity_id) in found {
            if bytes >= PAGE_BYTES {
                break;
            }
            let key = EntityKey {
                persistence_id: Arc::clone(persistence_id),
                entity_id: entity_id.into(),
            };
            let entity = EntityRef::new(key.clone());
            entity.remember(number);
            let StoredValue {
                revision,
                payload,
                deltas,
            } = self.value(&entity)?;
            // It may have been deleted meanwhile.
            if let Some(payload) = payload {
                let value = EntityValue {
                    entity: key,
                    revision,
                    payload,
                    deltas,
                };
                bytes += value.size();
                values.push(value);
            }
        }
        Ok(values)
    }

    pub(super) fn has_value(&self, number: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached("SELECT count(*) FROM value WHERE entity = ?1")
            .and_then(|mut statement| statement.query_row([number], |row| row.get(0)))
            .map(|count: i64| count > 0)
            .map_err(|error| self.failed(&error))
    }
}
