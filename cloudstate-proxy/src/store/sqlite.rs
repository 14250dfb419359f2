//! The embedded journal: SQLite in a directory of its own.
//!
//! ```text
//! journal.db       the database; `journal` and `state` are views made for reading it with `sqlite3`
//! journal.db-wal   what has been committed since the last checkpoint
//! journal.mark     how much has been acknowledged: events and changes of values
//! lock             held while a process uses the directory; its content is the number of the last such process
//! ```
//!
//! One thread writes. Whatever waits at the same moment becomes one transaction, and so shares one sync. Reads have
//! connections of their own and see what is committed. Events are stored in the order of commits; which of them are an
//! entity's is known by an [`index`] that follows in bulk.
//!
//! SQLite forgets everything after a damaged frame of its write-ahead log without a word. Opening therefore looks for
//! damage before SQLite may change anything ([`recovery`]), and compares what is there with `journal.mark`.

mod consistency;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod index;
mod lock;
mod mark;
mod page;
mod queue;
mod reader;
mod record;
mod recovery;
mod report;
mod schema;
mod tables;
mod wal;
mod write;
mod writer;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{FutureExt, future::BoxFuture};
use prometheus::core::Collector;
use tokio::sync::watch;

use super::{
    Append, Commit, EntityRef, EntityValue, JournalEntry, OpenError, Put, Store, StoreError,
    StoredEvent, StoredSnapshot, StoredValue, Trouble,
};
use crate::store;
use index::Index;
use reader::Reader;
use recovery::Recovered;
use write::Write;
use writer::Writer;

pub use report::{Damage, Dropped, Recovery};

/// A store in a directory.
///
/// Once [`close`](Store::close) has resolved, the directory may be opened again. Dropping the store closes it as well,
/// in the background: the directory is in use until the thread that writes has ended.
#[derive(Debug)]
pub struct SqliteStore {
    directory: PathBuf,
    reader: Arc<Reader>,
    writer: Writer,
    recovery: Recovery,
}

impl SqliteStore {
    /// Opens the store in `directory`, which is made if it is not there. Blocks while it reads the disk.
    ///
    /// # Errors
    /// The directory is in use or not usable, or acknowledged events are missing. The files are as they were.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let lock = lock::Lock::acquire(directory)?;
        let recovered = recovery::recover(directory)?;
        recovered.recovery.log();
        let file = recovery::database(directory);
        let mut connection = schema::open(&file)?;
        let index = Index::open(&mut connection, &file)?;
        let reader = Arc::new(Reader::new(file.clone(), Arc::clone(index.recent())));
        let Recovered {
            mark,
            stored,
            recovery,
        } = recovered;
        let writer = Writer::start(connection, index, &file, mark, stored, lock)?;
        Ok(Self {
            directory: directory.to_owned(),
            reader,
            writer,
            recovery,
        })
    }

    /// What opening found, and what it dropped.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }
}

impl Store for SqliteStore {
    fn watch_demand(&self, demand: store::Demand) {
        self.writer.watch(demand);
    }

    fn append(&self, append: Append) -> Commit {
        self.writer.write(Write::Append(append))
    }

    fn put(&self, put: Put) -> Commit {
        self.writer.write(Write::Put(put))
    }

    fn write(&self, writes: Vec<store::Write>) -> Commit {
        self.writer.write(Write::Together(writes))
    }

    fn values(
        &self,
        persistence_id: &Arc<str>,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<EntityValue>, StoreError>> {
        let (persistence_id, after) = (Arc::clone(persistence_id), after.to_owned());
        Reader::run(&self.reader, move |connection| {
            connection.values(&persistence_id, &after, limit)
        })
        .boxed()
    }

    fn value(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<StoredValue, StoreError>> {
        let entity = Arc::clone(entity);
        Reader::run(&self.reader, move |connection| connection.value(&entity)).boxed()
    }

    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>> {
        let entity = Arc::clone(entity);
        Reader::run(&self.reader, move |connection| {
            connection.latest_snapshot(&entity)
        })
        .boxed()
    }

    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>> {
        let entity = Arc::clone(entity);
        Reader::run(&self.reader, move |connection| {
            connection.events(&entity, after, limit)
        })
        .boxed()
    }

    fn journal(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<JournalEntry>, StoreError>> {
        Reader::run(&self.reader, move |connection| {
            connection.journal(after, limit)
        })
        .boxed()
    }

    fn last_position(&self) -> BoxFuture<'static, Result<u64, StoreError>> {
        Reader::run(&self.reader, |connection| connection.last_position()).boxed()
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.writer.grown()
    }

    fn trouble(&self) -> Option<watch::Receiver<Option<Trouble>>> {
        Some(self.writer.trouble())
    }

    fn describe(&self) -> String {
        format!("stored by SQLite in {}", self.directory.display())
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        self.writer.collectors(&self.directory)
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        self.reader.close();
        let reader = Arc::clone(&self.reader);
        let written = self.writer.close();
        async move {
            let outcome = written.await;
            reader.closed().await;
            outcome
        }
        .boxed()
    }
}

/// Brings what was made in a directory to the disk. An empty path is the current directory.
fn sync_directory(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    // Elsewhere a directory cannot be opened, and need not be synced.
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
