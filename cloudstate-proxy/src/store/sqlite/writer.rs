//! The thread that writes: whatever waits becomes one transaction, with one sync for all.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use prometheus::core::Collector;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};

use tokio::sync::watch;

use super::{
    error::{is_damage, store_error},
    index::{Entry, Index, Progress, Slice},
    lock::Lock,
    mark::{Extent, Mark},
    queue::{Answer, Pending, Queue, Running},
    tables::{Remembered, Tables},
    write::Write,
};
use crate::store::{
    Commit, Demand, EntityKey, EntityRef, OpenError, StoreError, Trouble,
    meters::{StoreMeters, reading},
};

/// Entities that are remembered to have met damage.
const SUSPECTS: usize = 1024;

/// The writing end of a store.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue>,
    grown: watch::Receiver<u64>,
    trouble: watch::Receiver<Option<Trouble>>,
    meters: StoreMeters,
}

impl Writer {
    /// Starts the thread, which keeps the lock until it ends.
    pub(super) fn start(
        connection: Connection,
        index: Index,
        file: &Path,
        mark: Mark,
        stored: Extent,
        lock: Lock,
    ) -> Result<Self, OpenError> {
        let queue = Arc::new(Queue::default());
        let (growing, grown) = watch::channel(stored.position);
        let (troubling, trouble) = watch::channel(None);
        let meters = StoreMeters::new();
        let journal = Journal {
            growing,
            troubling,
            connection,
            file: file.to_owned(),
            mark,
            stored,
            index,
            remembered: Remembered::default(),
            suspects: HashSet::new(),
            meters: meters.clone(),
        };
        let running = Running {
            queue: Arc::clone(&queue),
            lock: Some(lock),
        };
        thread::Builder::new()
            .name("journal".into())
            .spawn(move || run(&running, journal))
            .map_err(|source| OpenError::Io {
                path: file.to_owned(),
                doing: "start a thread for",
                source,
            })?;
        Ok(Self {
            queue,
            grown,
            trouble,
            meters,
        })
    }

    pub(super) fn write(&self, write: Write) -> Commit {
        self.queue.push(write)
    }

    /// Learns where to ask how many requests are in progress.
    pub(super) fn watch(&self, demand: Demand) {
        self.queue.watch(demand);
    }

    /// The position of the last stored event, as it grows.
    pub(super) fn grown(&self) -> watch::Receiver<u64> {
        self.grown.clone()
    }

    /// Why nothing can be written.
    pub(super) fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.clone()
    }

    /// What is measured of writing, and of the files in this directory.
    pub(super) fn collectors(&self, directory: &Path) -> Vec<Box<dyn Collector>> {
        let (queue, directory) = (Arc::clone(&self.queue), directory.to_owned());
        let mut collectors = self.meters.collectors();
        collectors.push(reading(
            "cloudstate_store_waiting_writes",
            "Writes that wait for a transaction.",
            move || queue.len() as f64,
        ));
        collectors.push(reading(
            "cloudstate_store_journal_bytes",
            "Size of the journal's files, the write-ahead log included.",
            move || size(&directory),
        ));
        collectors
    }

    /// Writes what waits, then lets go of the files.
    pub(super) fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        self.queue.close()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.close());
    }
}

fn run(running: &Running, mut journal: Journal) {
    let mut group = Vec::new();
    while running.queue.take(&mut group) {
        if let Err(fatal) = journal.commit(&mut group) {
            tracing::error!(error = %fatal, "the journal takes no more writes until it is opened anew");
            for pending in group.drain(..) {
                pending.answer(Err(fatal.clone()));
            }
            running.queue.fail(&fatal);
        }
    }
    journal.close();
}

/// The open database, as its only writer sees it.
struct Journal {
    connection: Connection,
    file: PathBuf,
    mark: Mark,
    stored: Extent,
    /// Tells whoever follows the journal.
    growing: watch::Sender<u64>,
    /// Tells whoever wants to know whether anything can be written.
    troubling: watch::Sender<Option<Trouble>>,
    index: Index,
    remembered: Remembered,
    /// Entities that have met damage. They get transactions of their own, so that each new attempt of theirs does not
    /// take everybody else's transaction apart again.
    suspects: HashSet<EntityKey>,
    meters: StoreMeters,
}

/// What a transaction did, to be believed once it is committed.
#[derive(Default)]
struct Group {
    answers: Vec<Answer>,
    numbers: Vec<(Arc<EntityRef>, i64)>,
    /// The events, and what has gone into their index.
    appended: Vec<Entry>,
    indexed: Option<(Slice, Progress)>,
}

/// Why a transaction did not happen.
struct Failed {
    error: rusqlite::Error,
    /// Whose trouble it is, where it is not everybody's.
    culprit: Option<usize>,
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            error,
            culprit: None,
        }
    }
}

impl Journal {
    /// Stores a group and answers its members.
    ///
    /// # Errors
    /// Nothing may be written any more. Who is still in the group has no answer.
    fn commit(&mut self, group: &mut Vec<Pending>) -> Result<(), StoreError> {
        while !group.is_empty() {
            match group.iter().position(|pending| self.goes_alone(pending)) {
                Some(index) => {
                    let mut alone = vec![group.remove(index)];
                    let result = self.commit_once(&mut alone);
                    group.append(&mut alone);
                    result?;
                }
                None => self.commit_once(group)?,
            }
        }
        Ok(())
    }

    /// One transaction. Leaves the group as it was if one of its members turns out to have to go alone.
    fn commit_once(&mut self, group: &mut Vec<Pending>) -> Result<(), StoreError> {
        let (before, since) = (self.stored, Instant::now());
        let Failed { error, culprit } = match self.store(group) {
            Ok(stored) => {
                self.troubling
                    .send_if_modified(|trouble| trouble.take().is_some());
                self.meters.committed(group.len(), since.elapsed());
                self.believe(before, group, stored);
                return Ok(());
            }
            Err(failed) => failed,
        };
        self.meters.failed();
        // What was learnt inside the transaction went with it.
        self.stored = before;
        self.remembered.forget();
        if let Some(index) = culprit
            && group.len() > 1
        {
            if self.suspects.len() >= SUSPECTS {
                self.suspects.clear();
            }
            self.suspects.extend(key_of(&group[index]).cloned());
            return Ok(());
        }
        if let [Pending { write, .. }] = &mut **group
            && is_damage(&error)
            && write.take_snapshot().is_some()
        {
            // Perhaps it is only the snapshot that has no place; it can be done without.
            let entity = write
                .entity()
                .map(|entity| tracing::field::display(entity.key()));
            tracing::warn!(%error, entity, "events are stored without their snapshot");
            return self.commit_once(group);
        }
        let failure = store_error(&self.file, &error);
        tracing::error!(error = %failure, "nothing was stored");
        if matches!(failure, StoreError::Unavailable { .. }) {
            self.troubling.send_replace(Some(Trouble {
                reason: failure.to_string(),
                is_final: is_failed_sync(&error),
            }));
        }
        // After a failed sync the kernel may have dropped what it could not write: another sync would succeed without
        // those pages being on the disk.
        if is_failed_sync(&error) {
            return Err(failure);
        }
        for pending in group.drain(..) {
            pending.answer(Err(failure.clone()));
        }
        Ok(())
    }

    /// The group is durable: moves the mark, then answers.
    fn believe(&mut self, before: Extent, group: &mut Vec<Pending>, stored: Group) {
        // Before anybody hears of the events: who has, finds them.
        self.index.committed(stored.appended, stored.indexed);
        if self.stored > before
            && let Err(error) = self.mark.write(self.stored)
        {
            // What is stored is safe; only a later loss of them would go unnoticed.
            tracing::warn!(%error, "journal.mark could not be written");
        }
        for (entity, number) in stored.numbers {
            entity.remember(number);
        }
        if self.stored.position > before.position {
            self.growing.send_replace(self.stored.position);
        }
        for (pending, answer) in group.drain(..).zip(stored.answers) {
            pending.answer(answer);
        }
    }

    fn goes_alone(&self, pending: &Pending) -> bool {
        // Nearly always nobody does, and there is nothing to hash.
        !self.suspects.is_empty() && key_of(pending).is_some_and(|key| self.suspects.contains(key))
    }

    fn store(&mut self, group: &[Pending]) -> Result<Group, Failed> {
        self.remembered.trim();
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let mut tables = Tables {
            transaction: &transaction,
            stored: &mut self.stored,
            remembered: &mut self.remembered,
            recent: self.index.recent(),
            appended: Vec::with_capacity(group.len()),
            time: microseconds(SystemTime::now()),
        };
        let mut done = Group::default();
        let changes = tables.stored.changes;
        for (index, pending) in group.iter().enumerate() {
            let answer = match &pending.write {
                Write::Append(append) => tables.append(append, &mut done.numbers),
                Write::Put(put) => tables.put(put, &mut done.numbers),
                Write::Together(writes) => tables.together(writes, &mut done.numbers),
            };
            done.answers.push(answer.map_err(|error| Failed {
                culprit: concerns_one(&error).then_some(index),
                error,
            })?);
        }
        if tables.stored.changes > changes {
            tables.count_changes()?;
        }
        done.appended = tables.appended;
        if let Some(slice) = self.index.due(done.appended.len()) {
            let progress = self.index.write(&transaction, &slice)?;
            done.indexed = Some((slice, progress));
        }
        transaction.commit()?;
        Ok(done)
    }

    fn close(mut self) {
        if let Err(error) = self.index.close(&mut self.connection) {
            tracing::warn!(%error, "the next start completes the index of events");
        }
        if let Err(error) = self.mark.sync() {
            tracing::warn!(%error, "journal.mark could not be synced");
        }
        let checkpoint = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = checkpoint {
            tracing::warn!(%error, "the write-ahead log stays as it is; it will be used at the next start");
        }
    }
}

fn key_of(pending: &Pending) -> Option<&EntityKey> {
    pending.write.entity().map(EntityRef::key)
}

/// Whether the others of a group may succeed without the one that caused it.
fn concerns_one(error: &rusqlite::Error) -> bool {
    is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::TooBig)
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return false;
    };
    failure.code == ErrorCode::SystemIoFailure
        && [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC].contains(&failure.extended_code)
}

fn size(directory: &Path) -> f64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let bytes = entries.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    bytes.sum::<u64>() as f64
}

fn microseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
