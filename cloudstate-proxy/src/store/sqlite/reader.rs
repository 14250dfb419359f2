//! Reading, on connections of its own and on threads that may block.

mod values;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;
use rusqlite::{Connection, OptionalExtension};
use tokio::{sync::Semaphore, task};

use super::{
    error::store_error,
    index::{Entry, Recent},
    page::{Page, StoredRow, up_to_damage},
    record, schema,
    tables::{self, REMEMBERED_TYPES},
};
use crate::store::{EntityKey, EntityRef, JournalEntry, StoreError, StoredEvent, StoredSnapshot};

/// Reads that run at a time; the others wait without a thread.
const PARALLEL: usize = 8;

/// Connections that nobody is reading on, and room for more.
#[derive(Debug)]
pub(super) struct Reader {
    file: PathBuf,
    recent: Arc<Recent>,
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<ReadConnection>,
    closed: bool,
}

/// One connection and the names of types that it has met.
#[derive(Debug)]
pub(super) struct ReadConnection {
    connection: Connection,
    file: PathBuf,
    recent: Arc<Recent>,
    types: HashMap<i64, ByteString>,
}

impl Reader {
    pub(super) fn new(file: PathBuf, recent: Arc<Recent>) -> Self {
        Self {
            file,
            recent,
            places: Arc::new(Semaphore::new(PARALLEL)),
            state: Mutex::default(),
        }
    }

    /// Runs a read on a connection of the pool.
    pub(super) fn run<T: Send + 'static>(
        this: &Arc<Self>,
        read: impl FnOnce(&mut ReadConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let this = Arc::clone(this);
        async move {
            let place = Arc::clone(&this.places).acquire_owned().await;
            let place = place.map_err(|_| StoreError::Closed)?;
            let done = task::spawn_blocking(move || {
                // Kept until the read has ended, which the caller may not wait for.
                let _place = place;
                let mut connection = this.take()?;
                let result = read(&mut connection);
                // After an error the connection may be of no use.
                if result.is_ok() {
                    this.put_back(connection);
                }
                result
            });
            done.await.unwrap_or_else(|error| {
                Err(StoreError::Unavailable {
                    reason: error.to_string(),
                })
            })
        }
    }

    /// Opens no more connections, and lets go of those that nobody is reading on.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.idle.clear();
    }

    /// Waits for the reads that were running when it was closed.
    pub(super) async fn closed(&self) {
        let all = self.places.acquire_many(PARALLEL as u32).await;
        self.places.close();
        drop(all);
    }

    fn take(&self) -> Result<ReadConnection, StoreError> {
        let mut state = self.state();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if let Some(connection) = state.idle.pop() {
            return Ok(connection);
        }
        drop(state);
        let connection = schema::open_for_reading(&self.file)
            .map_err(|error| store_error(&self.file, &error))?;
        Ok(ReadConnection {
            connection,
            file: self.file.clone(),
            recent: Arc::clone(&self.recent),
            types: HashMap::new(),
        })
    }

    fn put_back(&self, connection: ReadConnection) {
        let mut state = self.state();
        if !state.closed {
            state.idle.push(connection);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadConnection {
    pub(super) fn latest_snapshot(
        &mut self,
        entity: &EntityRef,
    ) -> Result<Option<StoredSnapshot>, StoreError> {
        let Some(number) = self.number(entity)? else {
            return Ok(None);
        };
        match self.snapshot(entity.key(), number) {
            // Events say the same, only slower.
            Err(StoreError::Corrupt { file, detail }) => {
                tracing::warn!(
                    entity = %entity.key(), file = %file.display(), detail,
                    "the snapshot is damaged and not used; the entity is loaded from its events"
                );
                Ok(None)
            }
            found => found,
        }
    }

    fn snapshot(
        &mut self,
        entity: &EntityKey,
        number: i64,
    ) -> Result<Option<StoredSnapshot>, StoreError> {
        let read = || {
            self.connection
                .prepare_cached(
                    "SELECT sequence, type, payload, checksum FROM snapshot WHERE entity = ?1",
                )?
                .query_row([number], |row| {
                    let payload = Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?);
                    Ok((
                        row.get::<_, u64>(0)?,
                        row.get::<_, i64>(1)?,
                        payload,
                        row.get::<_, u32>(3)?,
                    ))
                })
                .optional()
        };
        let Some((sequence, payload_type, value, checksum)) =
            read().map_err(|error| self.failed(&error))?
        else {
            return Ok(None);
        };
        let type_url = self
            .type_url(payload_type)?
            .ok_or_else(|| self.corrupt("table snapshot: its type is missing".into()))?;
        if checksum != record::checksum(entity, sequence, &type_url, &value) {
            return Err(self.corrupt(format!(
                "table snapshot: the one at event {sequence} does not match its checksum"
            )));
        }
        Ok(Some(StoredSnapshot {
            sequence,
            payload: Any { type_url, value },
        }))
    }

    pub(super) fn events(
        &mut self,
        entity: &EntityRef,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let Some(number) = self.number(entity)? else {
            return Ok(Vec::new());
        };
        let recent = self.recent.of(number, after, limit);
        let events = self.events_of(entity.key(), number, after, limit, &recent.entries)?;
        if !events.is_empty() || limit == 0 {
            return Ok(events);
        }
        // The end is the one place where a checksum cannot notice that something is missing. So the end is looked for
        // from the other side as well; if it is not the same, either events came meanwhile or the index is damaged.
        let last = self.last_sequence(number)?;
        if last == 0 {
            // An entity gets its number with its first event or value.
            if self.has_value(number)? || self.has_event_behind(recent.added, number)? {
                return Ok(events);
            }
            return Err(self.corrupt(format!(
                "table event_of_entity: the events of entity {} are not found",
                entity.key()
            )));
        }
        if last <= after {
            return Ok(events);
        }
        let recent = self.recent.of(number, after, limit);
        let events = self.events_of(entity.key(), number, after, limit, &recent.entries)?;
        if events.is_empty() {
            return Err(self.corrupt(format!(
                "table event_of_entity: events {} to {last} of entity {} are not found",
                after + 1,
                entity.key()
            )));
        }
        Ok(events)
    }

    fn last_sequence(&self, number: i64) -> Result<u64, StoreError> {
        tables::last_sequence(&self.connection, &self.recent, number)
            .map_err(|error| self.failed(&error))
    }

    /// Whether an entity has events of which the index had not heard when it knew everything up to `position`.
    fn has_event_behind(&self, position: u64, number: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM event WHERE position > ?1 AND entity = ?2)",
            )
            .and_then(|mut statement| statement.query_row((position, number), |row| row.get(0)))
            .map_err(|error| self.failed(&error))
    }

    /// Events of which the table has the entries, then those of which they are recent.
    fn events_of(
        &mut self,
        entity: &EntityKey,
        number: i64,
        after: u64,
        limit: usize,
        recent: &[Entry],
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut page = Page::default();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(
                "SELECT event.sequence, type, payload, checksum, event.position
                 FROM event_of_entity AS entry CROSS JOIN event ON event.position = entry.position
                 WHERE entry.entity = ?1 AND entry.sequence > ?2 ORDER BY entry.sequence LIMIT ?3",
            )?;
            let mut rows = statement.query((number, after, limit as u64))?;
            while let Some(row) = rows.next()?
                && page.has_room()
            {
                page.push(row)?;
            }
            // Entries may have moved to the table meanwhile.
            let last = page.last_sequence().unwrap_or(after);
            let known = recent.partition_point(|entry| entry.sequence <= last);
            let mut statement = self.connection.prepare_cached(
                "SELECT sequence, type, payload, checksum, position FROM event WHERE position = ?1",
            )?;
            for entry in &recent[known..] {
                if page.len() >= limit || !page.has_room() {
                    break;
                }
                let mut rows = statement.query([entry.position])?;
                if let Some(row) = rows.next()? {
                    page.push(row)?;
                }
            }
            Ok(())
        };
        let end = read().map_err(|error| self.failed(&error));
        let mut expected = after;
        let (rows, payloads) = page.finish();
        let events = rows.into_iter().map(|row| {
            expected += 1;
            if row.sequence != expected {
                let detail = format!("event {expected} of entity {entity} is missing");
                return Err(self.corrupt(detail));
            }
            Ok(StoredEvent {
                sequence: row.sequence,
                payload: self.payload(&row, entity, &payloads)?,
            })
        });
        up_to_damage(events, end)
    }

    pub(super) fn journal(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let mut page = Page::default();
        let mut keys = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(
                "SELECT event.sequence, event.type, event.payload, event.checksum, event.position,
                        event.time, entity.persistence_id, entity.entity_id
                 FROM event LEFT JOIN entity ON entity.id = event.entity
                 WHERE event.position > ?1 ORDER BY event.position LIMIT ?2",
            )?;
            let mut rows = statement.query((after, limit as u64))?;
            while let Some(row) = rows.next()?
                && page.has_room()
            {
                let persistence_id: String = row.get(6)?;
                let entity_id: String = row.get(7)?;
                let key = EntityKey {
                    persistence_id: persistence_id.into(),
                    entity_id: entity_id.into(),
                };
                keys.push((key, row.get::<_, u64>(5)?));
                page.push(row)?;
            }
            Ok(())
        };
        let end = read().map_err(|error| self.failed(&error));
        let mut expected = after;
        let (rows, payloads) = page.finish();
        let entries = rows.into_iter().zip(keys).map(|(row, (entity, time))| {
            expected += 1;
            if row.position != expected {
                return Err(self.corrupt(format!("the event at position {expected} is missing")));
            }
            Ok(JournalEntry {
                position: row.position,
                time: UNIX_EPOCH + Duration::from_micros(time),
                sequence: row.sequence,
                payload: self.payload(&row, &entity, &payloads)?,
                entity,
            })
        });
        up_to_damage(entries, end)
    }

    pub(super) fn last_position(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT coalesce(max(position), 0) FROM event", [], |row| {
                row.get(0)
            })
            .map_err(|error| self.failed(&error))
    }

    fn number(&self, entity: &EntityRef) -> Result<Option<i64>, StoreError> {
        if let Some(number) = entity.number() {
            return Ok(Some(number));
        }
        let found =
            tables::find_entity(&self.connection, entity).map_err(|error| self.failed(&error))?;
        if let Some(number) = found {
            entity.remember(number);
        }
        Ok(found)
    }

    fn payload(
        &mut self,
        row: &StoredRow,
        entity: &EntityKey,
        payloads: &Bytes,
    ) -> Result<Any, StoreError> {
        let value = payloads.slice(row.payload.clone());
        let type_url = self.type_url(row.payload_type)?.ok_or_else(|| {
            self.corrupt(format!(
                "the type of event {} of entity {entity}, at position {}, is missing",
                row.sequence, row.position
            ))
        })?;
        if row.checksum != record::checksum(entity, row.sequence, &type_url, &value) {
            return Err(self.corrupt(format!(
                "event {} of entity {entity}, at position {}, does not match its checksum",
                row.sequence, row.position
            )));
        }
        Ok(Any { type_url, value })
    }

    fn type_url(&mut self, number: i64) -> Result<Option<ByteString>, StoreError> {
        if let Some(url) = self.types.get(&number) {
            return Ok(Some(url.clone()));
        }
        let url = self
            .connection
            .query_row(
                "SELECT url FROM payload_type WHERE id = ?1",
                [number],
                |row| row.get::<_, String>(0),
            )
            .optional()
            .map_err(|error| self.failed(&error))?
            .map(ByteString::from);
        if let Some(url) = &url {
            if self.types.len() >= REMEMBERED_TYPES {
                self.types.clear();
            }
            self.types.insert(number, url.clone());
        }
        Ok(url)
    }

    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        store_error(&self.file, error)
    }

    fn corrupt(&self, detail: String) -> StoreError {
        StoreError::Corrupt {
            file: self.file.clone(),
            detail,
        }
    }
}
