//! The tables, and how a database of an earlier release becomes one of this.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::error::open_error;
use crate::store::OpenError;

/// `CSTJ`: SQLite's mark of whose database a file is.
const APPLICATION_ID: i64 = 0x4353_544a;

/// The steps from an empty database to the present schema. Released steps never change; a new schema adds one.
const STEPS: &[&str] = &["
    CREATE TABLE entity (
        id             INTEGER PRIMARY KEY,
        persistence_id TEXT NOT NULL,
        entity_id      TEXT NOT NULL,
        UNIQUE (persistence_id, entity_id)
    ) STRICT;

    CREATE TABLE payload_type (
        id  INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE
    ) STRICT;

    -- In the order of writing, which keeps inserts at the end of the table.
    CREATE TABLE event (
        position INTEGER PRIMARY KEY,       -- from 1 without gaps, over all entities
        entity   INTEGER NOT NULL,          -- entity.id
        sequence INTEGER NOT NULL,          -- from 1 without gaps, within the entity
        type     INTEGER NOT NULL,          -- payload_type.id
        payload  BLOB NOT NULL,
        time     INTEGER NOT NULL,          -- microseconds since 1970, UTC
        checksum INTEGER NOT NULL           -- CRC-32 of whose, which and what
    ) STRICT;
    CREATE UNIQUE INDEX event_of_entity ON event (entity, sequence);

    -- The newest one of each entity.
    CREATE TABLE snapshot (
        entity   INTEGER PRIMARY KEY,
        sequence INTEGER NOT NULL,
        type     INTEGER NOT NULL,
        payload  BLOB NOT NULL,
        time     INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    ) STRICT;

    -- For people.
    CREATE VIEW journal AS
        SELECT event.position, strftime('%Y-%m-%dT%H:%M:%fZ', event.time / 1e6, 'unixepoch') AS time,
               entity.persistence_id, entity.entity_id, event.sequence,
               payload_type.url AS type, length(event.payload) AS bytes
        FROM event
        JOIN entity ON entity.id = event.entity
        JOIN payload_type ON payload_type.id = event.type;
", "
    -- Of value entities. A deleted value leaves its row, without a type: whoever knows an earlier revision is refused.
    CREATE TABLE value (
        entity   INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,          -- from 1, one more with each change
        type     INTEGER,
        payload  BLOB NOT NULL,
        time     INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    ) STRICT;

    -- One row: how many changes of values there have been, by which missing ones are noticed.
    CREATE TABLE value_changes (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        count INTEGER NOT NULL
    ) STRICT;
    INSERT INTO value_changes VALUES (1, 0);

    -- For people.
    CREATE VIEW state AS
        SELECT entity.persistence_id, entity.entity_id, value.revision,
               strftime('%Y-%m-%dT%H:%M:%fZ', value.time / 1e6, 'unixepoch') AS time,
               payload_type.url AS type, length(value.payload) AS bytes
        FROM value
        JOIN entity ON entity.id = value.entity
        LEFT JOIN payload_type ON payload_type.id = value.type;
", "
    -- Which events are an entity's: a table in place of the index, because it is written later and in bulk.
    DROP INDEX event_of_entity;
    CREATE TABLE event_of_entity (
        entity   INTEGER NOT NULL,          -- entity.id
        sequence INTEGER NOT NULL,          -- event.sequence
        position INTEGER NOT NULL,          -- event.position
        PRIMARY KEY (entity, sequence)
    ) STRICT, WITHOUT ROWID;

    -- At most one row: up to which position every event is in event_of_entity. Opening adds those that are not.
    CREATE TABLE indexed (
        id       INTEGER PRIMARY KEY CHECK (id = 1),
        position INTEGER NOT NULL,
        checksum INTEGER NOT NULL           -- CRC-32 of the position
    ) STRICT;

    -- For people: what the journal has of one entity, found without looking at all events.
    CREATE VIEW history AS
        SELECT event.position, strftime('%Y-%m-%dT%H:%M:%fZ', event.time / 1e6, 'unixepoch') AS time,
               entity.persistence_id, entity.entity_id, event.sequence,
               payload_type.url AS type, length(event.payload) AS bytes
        FROM entity
        CROSS JOIN event_of_entity AS entry ON entry.entity = entity.id
        CROSS JOIN event ON event.position = entry.position
        CROSS JOIN payload_type ON payload_type.id = event.type
        UNION ALL
        SELECT event.position, strftime('%Y-%m-%dT%H:%M:%fZ', event.time / 1e6, 'unixepoch'),
               entity.persistence_id, entity.entity_id, event.sequence,
               payload_type.url, length(event.payload)
        FROM event
        JOIN entity ON entity.id = event.entity
        JOIN payload_type ON payload_type.id = event.type
        WHERE event.position > coalesce((SELECT position FROM indexed), 0) AND NOT EXISTS (
            SELECT 1 FROM event_of_entity AS entry
            WHERE entry.entity = event.entity AND entry.sequence = event.sequence
        );
", "
    -- What has changed values of CRDT entities since they were stored whole: a change of a large value is written as large
    -- as it is, and not as the value is.
    CREATE TABLE value_delta (
        entity   INTEGER NOT NULL,          -- value.entity
        revision INTEGER NOT NULL,          -- behind value.revision, without gaps
        type     INTEGER NOT NULL,
        payload  BLOB NOT NULL,
        time     INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (entity, revision)
    ) STRICT, WITHOUT ROWID;

    -- Of each value with deltas the last one, by which missing ones are noticed.
    CREATE TABLE last_delta (
        entity   INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL
    ) STRICT;

    DROP VIEW state;
    CREATE VIEW state AS
        SELECT entity.persistence_id, entity.entity_id,
               coalesce(max(delta.revision), value.revision) AS revision,
               strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(max(delta.time), value.time) / 1e6, 'unixepoch') AS time,
               payload_type.url AS type,
               length(value.payload) + coalesce(sum(length(delta.payload)), 0) AS bytes
        FROM value
        JOIN entity ON entity.id = value.entity
        LEFT JOIN payload_type ON payload_type.id = value.type
        LEFT JOIN value_delta AS delta ON delta.entity = value.entity
        GROUP BY value.entity;
"];

/// The schemas from which on there are values, and the index is a table.
pub(super) const WITH_VALUES: usize = 2;
pub(super) const WITH_INDEX: usize = 3;

/// Opens the database for writing, making or migrating it first.
pub(super) fn open(file: &Path) -> Result<Connection, OpenError> {
    let engine = |error: rusqlite::Error| open_error(file, &error);
    let mut connection = Connection::open(file).map_err(engine)?;
    configure(&connection).map_err(engine)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(engine)?;
    // Durable means on the disk: each commit syncs the write-ahead log.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(engine)?;
    // Where the usual sync stops at the drive's cache (macOS), the one that does not.
    for name in ["fullfsync", "checkpoint_fullfsync"] {
        connection.pragma_update(None, name, true).map_err(engine)?;
    }
    connection
        .pragma_update(None, "wal_autocheckpoint", 10_000)
        .map_err(engine)?;
    migrate(&mut connection, file)?;
    Ok(connection)
}

/// Opens the database for reading beside the writer.
pub(super) fn open_for_reading(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection)?;
    Ok(connection)
}

/// What all connections have in common.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Somebody may be looking with `sqlite3`.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// The version of the schema, once it is clear that the file is a journal. 0 is an empty database.
pub(super) fn version(connection: &Connection, file: &Path) -> Result<usize, OpenError> {
    let engine = |error: rusqlite::Error| open_error(file, &error);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(engine)?;
    let application = number("application_id").map_err(engine)?;
    if tables > 0 && application != APPLICATION_ID {
        let detail =
            format!("its application_id is {application}, a journal's is {APPLICATION_ID}");
        return Err(OpenError::NotAJournal {
            file: file.to_owned(),
            detail,
        });
    }
    let found = number("user_version").map_err(engine)?;
    match usize::try_from(found) {
        Ok(version) if version <= STEPS.len() => Ok(version),
        Ok(_) | Err(_) => Err(OpenError::NewerSchema {
            file: file.to_owned(),
            found,
            known: STEPS.len() as i64,
        }),
    }
}

fn migrate(connection: &mut Connection, file: &Path) -> Result<(), OpenError> {
    let from = version(connection, file)?;
    if from == STEPS.len() {
        return Ok(());
    }
    let run = |connection: &mut Connection| {
        let transaction = connection.transaction()?;
        for step in &STEPS[from..] {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
        transaction.commit()
    };
    run(connection).map_err(|error| open_error(file, &error))
}
