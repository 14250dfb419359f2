//! Which events are an entity's: the table `event_of_entity`, and in memory what it does not have yet.
//!
//! An index that SQLite keeps with each commit costs a page of 4 KB for each entity of the commit, although an entry has
//! 12 bytes. So events are stored without one, at the end of their table, and their entries are kept in memory
//! ([`recent`]) until there are many; sorted by entity they go into the table a slice at a time, beside what is written
//! anyway. For 1,000 entities in turn that is a page for every 30 events.
//!
//! Nothing depends on the memory: the table `indexed` says up to which position every event has its entry, and opening
//! reads the events behind it.

mod recent;

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{
    error::{is_damage, open_error},
    record,
};
use crate::store::OpenError;

pub(super) use recent::{Entry, Recent, Slice};

/// Entries that are in memory before they begin to move to the table, and entries that opening reads at a time.
const RECENT: usize = 32_768;
/// Entries that are moved together at least, so that entries of the same page share its write.
const SLICE: usize = 256;

/// The writer's side of the index.
#[derive(Debug)]
pub(super) struct Index {
    recent: Arc<Recent>,
    /// Entries that the events stored so far pay for: two each, so that memory is empty before it is full again.
    credit: usize,
    progress: Progress,
}

/// Whether `indexed` may move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Every entry has been written so far.
    Whole,
    /// A page of the table is damaged, and some entries have no place. `indexed` stays, so that they are not forgotten.
    Stopped,
}

impl Index {
    /// Writes the entries that are missing in the table: those of a process that was killed.
    ///
    /// # Errors
    /// The tables cannot be read or written.
    pub(super) fn open(connection: &mut Connection, file: &Path) -> Result<Self, OpenError> {
        let engine = |error: rusqlite::Error| open_error(file, &error);
        let mut position = indexed(connection).map_err(engine)?.unwrap_or_else(|| {
            tracing::warn!(file = %file.display(), "table indexed is damaged; the index is made from all events");
            0
        });
        let mut progress = Progress::Whole;
        loop {
            let mut entries = behind(connection, position).map_err(engine)?;
            let Some(last) = entries.last() else { break };
            position = last.position;
            entries.sort_unstable();
            let slice = Slice {
                entries,
                completes: Some(position),
            };
            let transaction =
                Transaction::new(connection, TransactionBehavior::Immediate).map_err(engine)?;
            progress = write(&transaction, &slice, progress).map_err(engine)?;
            transaction.commit().map_err(engine)?;
        }
        Ok(Self {
            recent: Arc::new(Recent::behind(position)),
            credit: 0,
            progress,
        })
    }

    /// What readers share with the writer.
    pub(super) fn recent(&self) -> &Arc<Recent> {
        &self.recent
    }

    /// What goes into the table with the next commit, which stores so many events.
    pub(super) fn due(&mut self, events: usize) -> Option<Slice> {
        self.credit += 2 * events;
        if self.credit < SLICE {
            return None;
        }
        let slice = self.recent.slice(self.credit, RECENT);
        if slice.is_none() {
            self.credit = 0;
        }
        slice
    }

    /// Writes a slice within the transaction that stores other things.
    pub(super) fn write(
        &self,
        transaction: &Transaction<'_>,
        slice: &Slice,
    ) -> rusqlite::Result<Progress> {
        write(transaction, slice, self.progress)
    }

    /// The transaction is committed: it has stored these events, and perhaps a slice.
    pub(super) fn committed(&mut self, events: Vec<Entry>, slice: Option<(Slice, Progress)>) {
        if let Some((slice, progress)) = slice {
            self.credit -= slice.entries.len().min(self.credit);
            self.progress = progress;
            self.recent.left(&slice);
        }
        self.recent.add(events);
    }

    /// Moves everything into the table, so that the next start finds nothing to do.
    pub(super) fn close(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        while let Some(slice) = self.recent.slice(RECENT, 1) {
            let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
            let progress = self.write(&transaction, &slice)?;
            transaction.commit()?;
            self.committed(Vec::new(), Some((slice, progress)));
        }
        Ok(())
    }
}

/// Up to which position every event has its entry; `None` if what is stored about it is damaged.
fn indexed(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let row = connection
        .query_row("SELECT position, checksum FROM indexed", [], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u32>(1)?))
        })
        .optional()?;
    let (position, checksum) = row.unwrap_or((0, record::checksum_of_number(0)));
    Ok((checksum == record::checksum_of_number(position)).then_some(position))
}

fn set_indexed(transaction: &Transaction<'_>, position: u64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO indexed (id, position, checksum) VALUES (1, ?1, ?2)",
        )?
        .execute((position, record::checksum_of_number(position)))?;
    Ok(())
}

/// Events behind a position, in the order of positions.
fn behind(connection: &Connection, position: u64) -> rusqlite::Result<Vec<Entry>> {
    connection
        .prepare_cached(
            "SELECT entity, sequence, position FROM event WHERE position > ?1
             ORDER BY position LIMIT ?2",
        )?
        .query_map((position, RECENT), |row| {
            Ok(Entry {
                entity: row.get(0)?,
                sequence: row.get(1)?,
                position: row.get(2)?,
            })
        })?
        .collect()
}

fn write(
    transaction: &Transaction<'_>,
    slice: &Slice,
    progress: Progress,
) -> rusqlite::Result<Progress> {
    let written = match write_entries(transaction, &slice.entries)? {
        Progress::Whole => progress,
        Progress::Stopped => Progress::Stopped,
    };
    if let (Progress::Whole, Some(position)) = (written, slice.completes) {
        set_indexed(transaction, position)?;
    }
    Ok(written)
}

/// Writes entries as far as they have a place: a damaged page is its entities' trouble, not that of the others.
fn write_entries(transaction: &Transaction<'_>, entries: &[Entry]) -> rusqlite::Result<Progress> {
    transaction.execute_batch("SAVEPOINT entries")?;
    let written = insert(transaction, entries);
    if written.is_err() {
        transaction.execute_batch("ROLLBACK TO entries")?;
    }
    transaction.execute_batch("RELEASE entries")?;
    match written {
        Ok(()) => Ok(Progress::Whole),
        Err(error) if is_damage(&error) => {
            if let [entry] = entries {
                tracing::error!(%error, entity = entry.entity, sequence = entry.sequence, "table event_of_entity is damaged");
            } else {
                let (front, back) = entries.split_at(entries.len() / 2);
                write_entries(transaction, front)?;
                write_entries(transaction, back)?;
            }
            Ok(Progress::Stopped)
        }
        Err(error) => Err(error),
    }
}

fn insert(transaction: &Transaction<'_>, entries: &[Entry]) -> rusqlite::Result<()> {
    // Some may be there: of a slice that was written before the process was killed.
    let mut statement = transaction.prepare_cached(
        "INSERT OR IGNORE INTO event_of_entity (entity, sequence, position) VALUES (?1, ?2, ?3)",
    )?;
    for entry in entries {
        statement.execute((entry.entity, entry.sequence, entry.position))?;
    }
    Ok(())
}
