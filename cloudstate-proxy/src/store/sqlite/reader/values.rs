//! Reading values.

use std::sync::Arc;

use bytes::Bytes;
use cloudstate_protocol::Any;
use rusqlite::OptionalExtension;

use super::ReadConnection;
use crate::store::{
    EntityKey, EntityRef, EntityValue, PAGE_BYTES, StoreError, StoredValue, sqlite::record,
};

impl ReadConnection {
    pub(in crate::store::sqlite) fn value(
        &mut self,
        entity: &EntityRef,
    ) -> Result<StoredValue, StoreError> {
        let Some(number) = self.number(entity)? else {
            return Ok(StoredValue::default());
        };
        let known = self.recent.of(number, 0, 0);
        let read = || {
            self.connection
                .prepare_cached(
                    "SELECT revision, type, payload, checksum FROM value WHERE entity = ?1",
                )?
                .query_row([number], |row| {
                    let payload = Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?);
                    Ok((
                        row.get::<_, u64>(0)?,
                        row.get::<_, Option<i64>>(1)?,
                        payload,
                        row.get::<_, u32>(3)?,
                    ))
                })
                .optional()
        };
        let Some((revision, payload_type, value, checksum)) =
            read().map_err(|error| self.failed(&error))?
        else {
            if self.last_sequence(number)? == 0 && !self.has_event_behind(known.added, number)? {
                // An entity gets its number with its first event or value.
                let entity = entity.key();
                return Err(self.corrupt(format!(
                    "table value: the value of entity {entity} is not found"
                )));
            }
            return Ok(StoredValue::default());
        };
        let type_url = payload_type
            .map(|number| {
                let found = self.type_url(number)?;
                found.ok_or_else(|| self.corrupt("table value: its type is missing".into()))
            })
            .transpose()?;
        let named = type_url.as_deref().unwrap_or_default();
        if checksum != record::checksum(entity.key(), revision, named, &value) {
            return Err(self.corrupt(format!(
                "the value of entity {}, at revision {revision}, does not match its checksum",
                entity.key()
            )));
        }
        Ok(StoredValue {
            revision,
            payload: type_url.map(|type_url| Any { type_url, value }),
        })
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
            let StoredValue { revision, payload } = self.value(&entity)?;
            // It may have been deleted meanwhile.
            if let Some(payload) = payload {
                bytes += payload.value.len();
                values.push(EntityValue {
                    entity: key,
                    revision,
                    payload,
                });
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
