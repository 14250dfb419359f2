//! Looks at a directory before anything in it is changed: is everything there that was acknowledged?

use std::{
    fmt,
    fs::File,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    error::open_error,
    mark::{Mark, Marked},
    schema, sync_directory, wal,
};
use crate::store::OpenError;

/// How many of the newest positions are checked for gaps. Damage to the log can only affect the newest.
const CHECKED_POSITIONS: u64 = 10_000;

const MARK: &str = "journal.mark";
const LOG: &str = "journal.db-wal";

/// What opening a store found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The end of the write-ahead log that belongs to no commit, as a process leaves it that dies while it writes.
    pub dropped: Option<Dropped>,
    /// There are events and no `journal.mark`, so that events missing at the end would not have been noticed.
    pub unmarked: bool,
}

/// Bytes at the end of the write-ahead log that are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The log.
    pub file: PathBuf,
    /// Where the unused part begins.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The last event that is stored.
    pub last_position: u64,
    /// The last event that was acknowledged, as `journal.mark` has it; never after `last_position`. `None` without a
    /// mark: then acknowledged events may have been in the unused part.
    pub acknowledged: Option<u64>,
}

/// Acknowledged events that are not there, or a file that cannot be trusted to hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The damaged or missing file.
    pub file: PathBuf,
    /// Where in it the damage begins, if that is known.
    pub offset: Option<u64>,
    /// What was noticed.
    pub detail: String,
    /// Positions of the events that are missing, if that is known.
    pub missing: Option<RangeInclusive<u64>>,
    /// Names of the files without which the store opens, with what is left of it; none if there is no such way.
    pub expendable: &'static [&'static str],
}

/// A directory that may be used.
pub(super) struct Recovered {
    pub(super) recovery: Recovery,
    pub(super) mark: Mark,
    pub(super) last_position: u64,
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
    let last_position = match size {
        0 => 0,
        _ => last_position(&database, &scan, marked)?,
    };
    let found = Found {
        database: &database,
        log: &log,
        mark: &mark,
        scan: &scan,
        marked,
        last_position,
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
        handle.write(last_position).map_err(io(&mark, "write"))?;
    }
    handle.sync().map_err(io(&mark, "sync"))?;
    sync_directory(directory).map_err(io(directory, "sync"))?;
    Ok(Recovered {
        recovery: Recovery {
            dropped: found.dropped(),
            unmarked: marked == Marked::Absent && last_position > 0,
        },
        mark: handle,
        last_position,
    })
}

/// The position of the last event that SQLite finds, without letting it change a file.
fn last_position(database: &Path, scan: &wal::Scan, marked: Marked) -> Result<u64, OpenError> {
    let engine = |error: rusqlite::Error| open_error(database, &error);
    let connection = inspect(database, scan.len > 0).map_err(engine)?;
    if schema::version(&connection, database)? == 0 {
        return Ok(0);
    }
    let damaged = |detail| {
        Err(OpenError::Damaged(Box::new(Damage {
            file: database.to_owned(),
            offset: None,
            detail,
            missing: None,
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
    if marked == Marked::Absent && scan.broken.is_some() {
        // Somebody wants to go on with what is left. If parts of the damaged log had been moved to the database
        // already, what is left does not fit together.
        let verdict: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(engine)?;
        if verdict != "ok" {
            return damaged(format!(
                "without the damaged part of the write-ahead log it is not consistent: {verdict}"
            ));
        }
    }
    Ok(last)
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
    last_position: u64,
}

impl Found<'_> {
    /// Why the store may not be opened.
    fn damage(&self, empty: bool) -> Option<Damage> {
        let acknowledged = match self.marked {
            Marked::At(position) => position,
            Marked::Absent => 0,
            Marked::Unreadable => {
                return Some(Damage {
                    file: self.mark.to_owned(),
                    offset: None,
                    detail: "neither of its two records can be read, so that nobody knows whether events are missing"
                        .into(),
                    missing: None,
                    expendable: &[MARK],
                });
            }
        };
        let missing =
            (self.last_position < acknowledged).then(|| self.last_position + 1..=acknowledged);
        // SQLite would delete a log that has lost its database.
        if empty && (missing.is_some() || self.scan.has_commit) {
            return Some(Damage {
                file: self.database.to_owned(),
                offset: None,
                detail: "there is no database".into(),
                missing,
                expendable: if self.scan.len > 0 {
                    &[MARK, LOG]
                } else {
                    &[MARK]
                },
            });
        }
        let synced = self.scan.broken.is_some_and(|broken| broken.synced);
        if missing.is_none() && !(synced && self.marked != Marked::Absent) {
            return None;
        }
        let (offset, detail) = match (self.scan.broken, self.scan.len) {
            (Some(broken), _) if synced => (
                broken.offset,
                "the write-ahead log is damaged there, before commits that were complete".into(),
            ),
            (Some(broken), _) => (broken.offset, "the write-ahead log is damaged there".into()),
            (None, 0) => (0, "there is no write-ahead log".into()),
            (None, len) => (
                self.scan.committed,
                format!("there is no readable commit from there to its end, at {len} bytes"),
            ),
        };
        Some(Damage {
            file: self.log.to_owned(),
            offset: Some(offset),
            detail,
            missing,
            expendable: &[MARK],
        })
    }

    /// What is not used of the log.
    fn dropped(&self) -> Option<Dropped> {
        (self.scan.unused > 0).then(|| Dropped {
            file: self.log.to_owned(),
            offset: self.scan.committed,
            bytes: self.scan.unused,
            last_position: self.last_position,
            acknowledged: match self.marked {
                Marked::At(position) => Some(position),
                Marked::Absent | Marked::Unreadable => None,
            },
        })
    }
}

impl Recovery {
    /// Says loudly what was found.
    pub(super) fn log(&self) {
        if let Some(dropped) = &self.dropped {
            tracing::warn!("{dropped}");
        }
        if self.unmarked {
            tracing::warn!(
                "there is no journal.mark beside the journal: if events are missing at its end, nobody can tell"
            );
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, last) = (self.file.display(), self.last_position);
        write!(
            f,
            "{file}: dropped {} bytes from offset {} on, which belong to no complete commit; ",
            self.bytes, self.offset,
        )?;
        match self.acknowledged {
            Some(acknowledged) => write!(
                f,
                "nothing acknowledged was in them: the last acknowledged event has position {acknowledged}, and \
                 everything up to position {last} is there"
            ),
            None => write!(
                f,
                "whether anything acknowledged was in them is not known, because there was no {MARK}; everything up \
                 to position {last} is there"
            ),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged", self.file.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        write!(f, ": {}", self.detail)?;
        if let Some(missing) = &self.missing {
            let count = missing.end() - missing.start() + 1;
            write!(
                f,
                "; {count} acknowledged events are missing, positions {} to {}",
                missing.start(),
                missing.end()
            )?;
        }
        f.write_str(". Nothing was changed. Restore the directory from a backup")?;
        if !self.expendable.is_empty() {
            write!(
                f,
                "; or, to go on without what is missing, delete {}",
                self.expendable.join(" and ")
            )?;
        }
        Ok(())
    }
}
