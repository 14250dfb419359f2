//! Why a store cannot be opened or used.

use std::path::PathBuf;

use super::{EntityKey, sqlite::Damage};

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has written to the entity, or the writer has lost count. Nothing was stored.
    #[error(
        "entity {entity} was written to by somebody else: its writer knows of {expected} writes, and {actual} are \
         stored"
    )]
    Conflict {
        /// Which entity.
        entity: EntityKey,
        /// What the writer said.
        expected: u64,
        /// What is stored.
        actual: u64,
    },
    /// A delta of a value that is not there. Nothing was stored.
    #[error("entity {entity} has no value that a delta could change")]
    NoValue {
        /// Which entity.
        entity: EntityKey,
    },
    /// Too much is waiting to be stored. Nothing was stored.
    #[error("{waiting} commits already wait for the disk; try again later")]
    Overloaded {
        /// How many.
        waiting: usize,
    },
    /// The disk is full, or does not answer. Nothing was stored; it may work later.
    ///
    /// One case is not decided: when a sync has failed, the store takes no more appends, and whether the last one is
    /// stored shows when the store is opened anew.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// What the engine says.
        reason: String,
    },
    /// What is stored is not what was written.
    #[error("{} is damaged: {detail}", file.display())]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where, and how it was noticed.
        detail: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a store cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory is another process's.
    #[error("{} is in use{}, or choose another directory", directory.display(), by(.owner))]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process that uses it, as it wrote itself down.
        owner: Option<u32>,
    },
    /// The directory cannot be made, read or written.
    #[error("{}: cannot {doing}; the store needs a directory that it can write to", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A later release has written this store.
    #[error("{} has schema version {found}, and this release knows versions up to {known}; use the release that wrote it, or a later one", file.display())]
    NewerSchema {
        /// The database.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// There is a database, and it is something else.
    #[error("{} is not a journal: {detail}; choose another directory", file.display())]
    NotAJournal {
        /// The database.
        file: PathBuf,
        /// How it was noticed.
        detail: String,
    },
    /// Events that were acknowledged are not there.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// SQLite refuses.
    #[error("{}: {reason}", file.display())]
    Engine {
        /// The database.
        file: PathBuf,
        /// What SQLite says.
        reason: String,
    },
}

fn by(owner: &Option<u32>) -> String {
    match owner {
        Some(pid) if *pid == std::process::id() => {
            " by this process; close the store that has it first".into()
        }
        Some(pid) => format!(" by process {pid}; stop it"),
        None => " by another process; stop it".into(),
    }
}
