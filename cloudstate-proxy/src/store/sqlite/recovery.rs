//! Looks at a directory before anything in it is changed: is everything there that was acknowledged?

use std::{
    fmt,
    fs::File,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, config::DbConfig};

use super::{mark::Mark, schema, wal};
use crate::store::OpenError;

/// How many of the newest positions are checked for gaps. Damage to the log can only affect the newest.
const CHECKED_POSITIONS: u64 = 10_000;

/// What opening a store found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The end of the write-ahead log that belongs to no commit, as a process leaves it that dies while it writes.
    pub dropped: Option<Dropped>,
    /// `journal.mark` could not be read, so that missing events would not have been noticed.
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
    /// The last event that is stored, and at the same time the last one that was acknowledged or a later one.
    pub last_position: u64,
}

/// Acknowledged events that are not there.
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
    let database = database(directory);
    let log = directory.join("journal.db-wal");
    let mark_path = directory.join("journal.mark");
    let marked = Mark::read(&mark_path).map_err(io(&mark_path, "read"))?;
    let scan = wal::scan(&log).map_err(io(&log, "read"))?;
    let last_position = last_position(&database)?;

    let acknowledged = marked.unwrap_or(0);
    if last_position < acknowledged {
        let missing = Some(last_position + 1..=acknowledged);
        return Err(damaged(&database, &log, &scan, missing));
    }
    if marked.is_none() && scan.broken.is_some_and(|broken| broken.more_follow) {
        return Err(damaged(&database, &log, &scan, None));
    }

    let unmarked = marked.is_none() && last_position > 0;
    let dropped = dropped(&log, &scan, last_position);
    // Opening for writing comes last: a directory that is refused stays as it was.
    File::options()
        .append(true)
        .create(true)
        .open(&database)
        .map_err(io(&database, "open for writing"))?;
    let mut mark = Mark::open(&mark_path).map_err(io(&mark_path, "open for writing"))?;
    // Both slots, so that whatever they held before is gone.
    for _ in 0..2 {
        mark.write(last_position).map_err(io(&mark_path, "write"))?;
    }
    Ok(Recovered {
        recovery: Recovery { dropped, unmarked },
        mark,
        last_position,
    })
}

/// The position of the last event that SQLite finds, without letting it change a file.
fn last_position(database: &Path) -> Result<u64, OpenError> {
    let exists = database.metadata().is_ok_and(|metadata| metadata.len() > 0);
    if !exists {
        return Ok(0);
    }
    let engine = |error: rusqlite::Error| schema::engine_error(database, &error);
    let connection = Connection::open(database).map_err(engine)?;
    schema::configure(&connection).map_err(engine)?;
    // Closing would move the log into the database; the index of the log would become a file.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(engine)?;
    connection
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .map_err(engine)?;
    if schema::version(&connection, database)? == 0 {
        return Ok(0);
    }
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
        return Err(OpenError::Damaged(Box::new(Damage {
            file: database.to_owned(),
            offset: None,
            detail: format!("of the {expected} events from position {first} on, {found} are there"),
            missing: None,
        })));
    }
    Ok(last)
}

fn damaged(
    database: &Path,
    log: &Path,
    scan: &wal::Scan,
    missing: Option<RangeInclusive<u64>>,
) -> OpenError {
    let (file, offset, detail) = if let Some(broken) = scan.broken {
        (
            log,
            Some(broken.offset),
            "a frame of the write-ahead log is damaged there".to_owned(),
        )
    } else if database.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        let detail = match scan.len {
            0 => "there is no write-ahead log".to_owned(),
            len => format!("the write-ahead log ends early, at {len} bytes"),
        };
        (log, Some(scan.committed), detail)
    } else {
        (database, None, "there is no database".to_owned())
    };
    OpenError::Damaged(Box::new(Damage {
        file: file.to_owned(),
        offset,
        detail,
        missing,
    }))
}

fn dropped(log: &Path, scan: &wal::Scan, last_position: u64) -> Option<Dropped> {
    let offset = match scan.broken {
        Some(_) => scan.committed,
        None if scan.uncommitted > 0 => scan.committed,
        None => return None,
    };
    let bytes = if scan.broken.is_some() {
        scan.len - offset
    } else {
        scan.uncommitted
    };
    Some(Dropped {
        file: log.to_owned(),
        offset,
        bytes,
        last_position,
    })
}

impl Recovery {
    /// Says loudly what was found.
    pub(super) fn log(&self) {
        if let Some(dropped) = &self.dropped {
            tracing::warn!("{dropped}");
        }
        if self.unmarked {
            tracing::warn!(
                "there is no readable journal.mark beside the journal: if events are missing at its end, nobody can tell"
            );
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: dropped {} bytes from offset {} on, the beginning of a commit that was never finished; nothing \
             acknowledged was in it: the last acknowledged event is not after position {}, which is stored",
            self.file.display(),
            self.bytes,
            self.offset,
            self.last_position
        )
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
        f.write_str(
            ". Nothing was changed. Restore the directory from a backup; or, to go on without what is missing, delete \
             journal.mark",
        )
    }
}
