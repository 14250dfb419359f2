//! Looks at a directory before anything in it is changed: is everything there that was acknowledged?

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    consistency,
    error::open_error,
    mark::{Extent, Mark, Marked},
    report::{Damage, Dropped, MARK, Recovery},
    schema, sync_directory, wal,
};
use crate::store::OpenError;

/// How many of the newest positions are checked for gaps. Damage to the log can only affect the newest.
const CHECKED_POSITIONS: u64 = 10_000;

const LOG: &str = "journal.db-wal";

/// A directory that may be used.
pub(super) struct Recovered {
    pub(super) recovery: Recovery,
    pub(super) mark: Mark,
    pub(super) stored: Extent,
}

pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join("journal.db")
}

/// Checks the directory, which this process has locked.
pub(super) fn recover(directory: &Path) -> Result<Recovered, OpenError> {
    let io = |path: &Path, doing| {
        let path = path.to_owned();
        move |source| OpenError::Io {
            path,
            doing,
            source,
        }
    };
    let (database, log, mark) = (
        database(directory),
        directory.join(LOG),
        directory.join(MARK),
    );
    let scan = wal::scan(&log).map_err(io(&log, "read"))?;
    let marked = Mark::read(&mark).map_err(io(&mark, "read"))?;
    let size = match database.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(io(&database, "read")(error)),
    };
    let stored = match size {
        0 => Extent::default(),
        _ => stored(&database, &scan, marked)?,
    };
    let found = Found {
        database: &database,
        log: &log,
        mark: &mark,
        scan: &scan,
        marked,
        stored,
    };
    if let Some(damage) = found.damage(size == 0) {
        return Err(OpenError::Damaged(Box::new(damage)));
    }

    // Opening for writing comes last: a directory that is refused stays as it was.
    File::options()
        .append(true)
        .create(true)
        .open(&database)
        .map_err(io(&database, "open for writing"))?;
    if scan.len > 0 {
        // A process that was killed between writing and syncing leaves commits that the kernel alone knows.
        File::open(&log)
            .and_then(|log| log.sync_data())
            .map_err(io(&log, "sync"))?;
    }
    let mut handle = Mark::open(&mark).map_err(io(&mark, "open for writing"))?;
    // Both slots, so that whatever they held before is gone.
    for _ in 0..2 {
        handle.write(stored).map_err(io(&mark, "write"))?;
    }
    handle.sync().map_err(io(&mark, "sync"))?;
    sync_directory(directory).map_err(io(directory, "sync"))?;
    Ok(Recovered {
        recovery: Recovery {
            dropped: found.dropped(),
            unmarked: marked == Marked::Absent && stored > Extent::default(),
        },
        mark: handle,
        stored,
    })
}

/// What SQLite finds, without letting it change a file.
fn stored(database: &Path, scan: &wal::Scan, marked: Marked) -> Result<Extent, OpenError> {
    let engine = |error: rusqlite::Error| open_error(database, &error);
    let connection = inspect(database, scan.len > 0).map_err(engine)?;
    let version = schema::version(&connection, database)?;
    if version == 0 {
        return Ok(Extent::default());
    }
    let damaged = |detail| {
        Err(OpenError::Damaged(Box::new(Damage {
            file: database.to_owned(),
            offset: None,
            detail,
            missing: None,
            missing_changes: 0,
            expendable: &[],
        })))
    };
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<u64>>(0));
    let last = number("SELECT max(position) FROM event")
        .map_err(engine)?
        .unwrap_or(0);
    let first = last.saturating_sub(CHECKED_POSITIONS) + 1;
    let found = number(&format!(
        "SELECT count(*) FROM event WHERE position >= {first}"
    ))
    .map_err(engine)?
    .unwrap_or(0);
    let expected = last + 1 - first;
    if last > 0 && found != expected {
        return damaged(format!(
            "of the {expected} events from position {first} on, {found} are there"
        ));
    }
    let changes = if version < schema::WITH_VALUES {
        0
    } else {
        number("SELECT count FROM value_changes")
            .map_err(engine)?
            .unwrap_or(0)
    };
    if marked == Marked::Absent && scan.broken.is_some() {
        // Somebody wants to go on with what is left. If parts of the damaged log had been moved to the database
        // already, what is left does not fit together.
        if let Some(what) = consistency::contradiction(&connection, version).map_err(engine)? {
            return damaged(format!(
                "without the damaged part of the write-ahead log it is not consistent: {what}"
            ));
        }
    }
    Ok(Extent {
        position: last,
        changes,
    })
}

/// Opens the database such that neither reading nor closing changes, makes or removes a file.
fn inspect(database: &Path, log: bool) -> rusqlite::Result<Connection> {
    let unfinished = database.with_extension("db-journal").exists();
    if !log && !unfinished {
        // SQLite would make a log where there is none.
        let name = percent_encode(database.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
        return Connection::open_with_flags(
            format!("file:{name}?immutable=1"),
            OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        );
    }
    let open = || {
        let connection = Connection::open(database)?;
        schema::configure(&connection)?;
        // Closing would move the log into the database.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(connection)
    };
    let connection = open()?;
    // In this mode the index of the log is no file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.busy_timeout(Duration::ZERO)?;
    match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
        // Somebody is looking with `sqlite3`, and has made that file already.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => open(),
        result => result.map(|()| connection),
    }
}

/// What there is.
struct Found<'a> {
    database: &'a Path,
    log: &'a Path,
    mark: &'a Path,
    scan: &'a wal::Scan,
    marked: Marked,
    stored: Extent,
}

impl Found<'_> {
    /// Why the store may not be opened.
    fn damage(&self, empty: bool) -> Option<Damage> {
        let acknowledged = match self.marked {
            Marked::At(extent) => extent,
            Marked::Absent => Extent::default(),
            Marked::Unreadable => {
                return Some(Damage {
                    file: self.mark.to_owned(),
                    offset: None,
                    detail: "neither of its two records can be read, so that nobody knows whether events are missing"
                        .into(),
                    missing: None,
                    missing_changes: 0,
                    expendable: &[MARK],
                });
            }
        };
        let last_position = self.stored.position;
        let missing = (last_position < acknowledged.position)
            .then(|| last_position + 1..=acknowledged.position);
        let missing_changes = acknowledged.changes.saturating_sub(self.stored.changes);
        let is_missing = missing.is_some() || missing_changes > 0;
        // SQLite would delete a log that has lost its database.
        if empty && (is_missing || self.scan.has_commit) {
            return Some(Damage {
                file: self.database.to_owned(),
                offset: None,
                detail: "there is no database".into(),
                missing,
                missing_changes,
                expendable: if self.scan.len > 0 {
                    &[MARK, LOG]
                } else {
                    &[MARK]
                },
            });
        }
        let synced = self.scan.broken.is_some_and(|broken| broken.synced);
        if !(is_missing || synced && self.marked != Marked::Absent) {
            return None;
        }
        let (offset, detail) = match (self.scan.broken, self.scan.len) {
            (Some(broken), _) if synced => (
                Some(broken.offset),
                "the write-ahead log is damaged there, before commits that were complete".into(),
            ),
            (Some(broken), _) => (
                Some(broken.offset),
                "the write-ahead log is damaged there".into(),
            ),
            (None, 0) => (
                None,
                format!(
                    "the database ends at position {last_position}, and there is no log that goes on; the log is \
                     lost, or the database is an older copy"
                ),
            ),
            (None, len) => (
                Some(self.scan.committed),
                format!("there is no readable commit from there to its end, at {len} bytes"),
            ),
        };
        Some(Damage {
            file: self.log.to_owned(),
            offset,
            detail,
            missing,
            missing_changes,
            expendable: &[MARK],
        })
    }

    /// What is not used of the log.
    fn dropped(&self) -> Option<Dropped> {
        (self.scan.unused > 0).then(|| Dropped {
            file: self.log.to_owned(),
            offset: self.scan.committed,
            bytes: self.scan.unused,
            last_position: self.stored.position,
            acknowledged: match self.marked {
                Marked::At(extent) => Some(extent.position),
                Marked::Absent | Marked::Unreadable => None,
            },
        })
    }
}
