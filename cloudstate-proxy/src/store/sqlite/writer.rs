//! The thread that writes: whatever waits becomes one transaction, with one sync for all.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use bytestring::ByteString;
use cloudstate_protocol::Any;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::{lock::Lock, mark::Mark, record};
use crate::store::{Append, Commit, EntityRef, OpenError, StoreError};

/// Appends that may wait for the disk.
const CAPACITY: usize = 65_536;
/// Appends that share a transaction at most, so that a burst does not make one that takes seconds.
const GROUP: usize = 4096;
/// Entities whose last sequence number is remembered.
const REMEMBERED: usize = 100_000;

type Answer = Result<u64, StoreError>;

/// The writing end of a store.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Pending>,
    closing: Vec<oneshot::Sender<Result<(), StoreError>>>,
    closed: bool,
    /// Set once writing has become impossible.
    failed: Option<StoreError>,
}

#[derive(Debug)]
struct Pending {
    append: Append,
    respond: oneshot::Sender<Answer>,
}

impl Writer {
    /// Starts the thread, which keeps the lock until it ends.
    pub(super) fn start(
        connection: Connection,
        file: &Path,
        mark: Mark,
        last_position: u64,
        lock: Lock,
    ) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::default());
        let journal = Journal {
            connection,
            file: file.to_owned(),
            mark,
            last_position,
            sequences: HashMap::new(),
            types: HashMap::new(),
        };
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                run(&theirs, journal);
                drop(lock);
                theirs.lock().finish();
            })
            .map_err(|source| OpenError::Io {
                path: file.to_owned(),
                doing: "start a thread for",
                source,
            })?;
        Ok(Self { shared })
    }

    pub(super) fn append(&self, append: Append) -> Commit {
        let mut queue = self.shared.lock();
        if let Some(error) = &queue.failed {
            return Commit::ready(Err(error.clone()));
        }
        if queue.closed {
            return Commit::ready(Err(StoreError::Closed));
        }
        let waiting = queue.waiting.len();
        if waiting >= CAPACITY {
            return Commit::ready(Err(StoreError::Overloaded { waiting }));
        }
        let (respond, answer) = oneshot::channel();
        queue.waiting.push(Pending { append, respond });
        drop(queue);
        // The thread sleeps only while nothing waits.
        if waiting == 0 {
            self.shared.work.notify_one();
        }
        Commit::waiting(answer)
    }

    /// Writes what waits, then lets go of the files.
    pub(super) fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (done, closed) = oneshot::channel();
        let mut queue = self.shared.lock();
        if queue.closed && queue.closing.is_empty() {
            let _ = done.send(Ok(()));
        } else {
            queue.closed = true;
            queue.closing.push(done);
        }
        drop(queue);
        self.shared.work.notify_one();
        async move { closed.await.unwrap_or(Ok(())) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        if !queue.closed {
            queue.closed = true;
            // Somebody to tell, so that the thread sees that it is to end.
            queue.closing.push(oneshot::channel().0);
            drop(queue);
            self.shared.work.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn finish(&mut self) {
        self.waiting.clear();
        for done in self.closing.drain(..) {
            let _ = done.send(self.failed.clone().map_or(Ok(()), Err));
        }
    }
}

fn run(shared: &Shared, mut journal: Journal) {
    let mut group = Vec::new();
    loop {
        let mut queue = shared.lock();
        while queue.waiting.is_empty() && queue.closing.is_empty() {
            queue = shared
                .work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if queue.waiting.is_empty() {
            drop(queue);
            return journal.close();
        }
        if queue.waiting.len() <= GROUP {
            std::mem::swap(&mut queue.waiting, &mut group);
        } else {
            group.extend(queue.waiting.drain(..GROUP));
        }
        drop(queue);
        if let Err(fatal) = journal.commit(&mut group) {
            tracing::error!(error = %fatal, "the journal takes no more writes until it is opened anew");
            let mut queue = shared.lock();
            queue.failed = Some(fatal.clone());
            for pending in queue.waiting.drain(..) {
                let _ = pending.respond.send(Err(fatal.clone()));
            }
        }
    }
}

/// The open database, as its only writer sees it.
struct Journal {
    connection: Connection,
    file: PathBuf,
    mark: Mark,
    last_position: u64,
    /// Last sequence number by entity.
    sequences: HashMap<i64, u64>,
    types: HashMap<ByteString, i64>,
}

/// What a transaction did, to be believed once it is committed.
#[derive(Default)]
struct Group {
    answers: Vec<Answer>,
    numbers: Vec<(Arc<EntityRef>, i64)>,
}

impl Journal {
    /// Stores a group and answers each of its members.
    ///
    /// # Errors
    /// Nothing may be written any more.
    fn commit(&mut self, group: &mut Vec<Pending>) -> Result<(), StoreError> {
        let before = self.last_position;
        match self.store(group) {
            Ok(stored) => {
                if self.last_position > before
                    && let Err(error) = self.mark.write(self.last_position)
                {
                    // The events are safe; only a later loss of them would go unnoticed.
                    tracing::warn!(%error, "journal.mark could not be written");
                }
                for (entity, number) in stored.numbers {
                    entity.remember(number);
                }
                for (pending, answer) in group.drain(..).zip(stored.answers) {
                    let _ = pending.respond.send(answer);
                }
                Ok(())
            }
            Err(error) => {
                // What was learnt inside the transaction went with it.
                self.last_position = before;
                self.sequences.clear();
                self.types.clear();
                let reason = format!("{}: {error}", self.file.display());
                tracing::error!("{reason}");
                let failure = StoreError::Unavailable { reason };
                for pending in group.drain(..) {
                    let _ = pending.respond.send(Err(failure.clone()));
                }
                // After a failed sync the kernel may have dropped what it could not write: another sync would succeed
                // without those pages being on the disk.
                if is_failed_sync(&error) {
                    Err(failure)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn store(&mut self, group: &[Pending]) -> rusqlite::Result<Group> {
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let mut tables = Tables {
            transaction: &transaction,
            last_position: &mut self.last_position,
            sequences: &mut self.sequences,
            types: &mut self.types,
            time: microseconds(SystemTime::now()),
        };
        let mut done = Group::default();
        for pending in group {
            let answer = tables.append(&pending.append, &mut done.numbers)?;
            done.answers.push(answer);
        }
        transaction.commit()?;
        Ok(done)
    }

    fn close(self) {
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

/// The tables within one transaction.
struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    last_position: &'a mut u64,
    sequences: &'a mut HashMap<i64, u64>,
    types: &'a mut HashMap<ByteString, i64>,
    time: i64,
}

impl Tables<'_> {
    fn append(
        &mut self,
        append: &Append,
        numbers: &mut Vec<(Arc<EntityRef>, i64)>,
    ) -> rusqlite::Result<Answer> {
        let known = match append.entity.number() {
            Some(number) => Some(number),
            None => self.find(&append.entity)?,
        };
        let actual = match known {
            Some(number) => self.sequence(number)?,
            None => 0,
        };
        if actual != append.after {
            let (entity, expected) = (append.entity.key().clone(), append.after);
            return Ok(Err(StoreError::Conflict {
                entity,
                expected,
                actual,
            }));
        }
        if append.events.is_empty() {
            return Ok(Ok(actual));
        }
        let number = match known {
            Some(number) => number,
            None => self.insert(&append.entity)?,
        };
        if append.entity.number().is_none() {
            numbers.push((Arc::clone(&append.entity), number));
        }
        let mut sequence = actual;
        for event in &append.events {
            sequence += 1;
            self.event(number, sequence, event)?;
        }
        if let Some(snapshot) = &append.snapshot {
            self.snapshot(number, sequence, snapshot)?;
        }
        if self.sequences.len() >= REMEMBERED {
            self.sequences.clear();
        }
        self.sequences.insert(number, sequence);
        Ok(Ok(sequence))
    }

    fn find(&self, entity: &EntityRef) -> rusqlite::Result<Option<i64>> {
        find_entity(self.transaction, entity)
    }

    fn insert(&self, entity: &EntityRef) -> rusqlite::Result<i64> {
        let key = entity.key();
        self.transaction
            .prepare_cached("INSERT INTO entity (persistence_id, entity_id) VALUES (?1, ?2)")?
            .insert((&*key.persistence_id, &*key.entity_id))
    }

    fn sequence(&self, number: i64) -> rusqlite::Result<u64> {
        if let Some(&sequence) = self.sequences.get(&number) {
            return Ok(sequence);
        }
        self.transaction
            .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event WHERE entity = ?1")?
            .query_row([number], |row| row.get(0))
    }

    fn event(&mut self, number: i64, sequence: u64, event: &Any) -> rusqlite::Result<()> {
        let payload_type = self.payload_type(&event.type_url)?;
        *self.last_position += 1;
        let checksum = record::checksum(number, sequence, payload_type, &event.value);
        self.transaction
            .prepare_cached(
                "INSERT INTO event (position, entity, sequence, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                *self.last_position,
                number,
                sequence,
                payload_type,
                &*event.value,
                self.time,
                checksum,
            ))?;
        Ok(())
    }

    fn snapshot(&mut self, number: i64, sequence: u64, snapshot: &Any) -> rusqlite::Result<()> {
        let payload_type = self.payload_type(&snapshot.type_url)?;
        let checksum = record::checksum(number, sequence, payload_type, &snapshot.value);
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO snapshot (entity, sequence, type, payload, time, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                number,
                sequence,
                payload_type,
                &*snapshot.value,
                self.time,
                checksum,
            ))?;
        Ok(())
    }

    /// A service stores few types, so that all of them are remembered.
    fn payload_type(&mut self, url: &ByteString) -> rusqlite::Result<i64> {
        if let Some(&number) = self.types.get(url) {
            return Ok(number);
        }
        let found = self
            .transaction
            .prepare_cached("SELECT id FROM payload_type WHERE url = ?1")?
            .query_row([&**url], |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => self
                .transaction
                .prepare_cached("INSERT INTO payload_type (url) VALUES (?1)")?
                .insert([&**url])?,
        };
        // A copy of its own: a slice would keep the request that it arrived in.
        self.types.insert(ByteString::from(url.to_string()), number);
        Ok(number)
    }
}

/// The number of an entity that has events.
pub(super) fn find_entity(
    connection: &Connection,
    entity: &EntityRef,
) -> rusqlite::Result<Option<i64>> {
    let key = entity.key();
    connection
        .prepare_cached("SELECT id FROM entity WHERE persistence_id = ?1 AND entity_id = ?2")?
        .query_row((&*key.persistence_id, &*key.entity_id), |row| row.get(0))
        .optional()
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return false;
    };
    failure.code == ErrorCode::SystemIoFailure
        && [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC].contains(&failure.extended_code)
}

fn microseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
