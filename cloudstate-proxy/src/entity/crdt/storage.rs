//! Where the copy of one entity is kept.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;

use crate::{
    crdt::{Crdt, DecodeError},
    store::{Change, Commit, EntityRef, Put, Store, StoreError, StoredValue},
};

use super::replica::Replica;

/// Say what the stored bytes are to those who look into the store.
const COPY: &str = "cloudstate.io/proxy.crdt";
const CHANGES: &str = "cloudstate.io/proxy.crdt.changes";

/// Bytes of a copy that is always written whole: it is not much more than a change.
const SMALL: usize = 1024;
/// How many writes of changes there are at most behind a whole copy, because a row has its own costs to read.
const MOST_CHANGES: usize = 4096;

/// The value of one entity in the store: its copy, or the note that it was deleted.
///
/// What a write costs depends on what has changed. A large copy is followed by its changes, until they take as many
/// bytes as the copy; then it is written whole again, which is twice the bytes of all changes in the long run. Reading is
/// at most twice the work of reading a whole copy.
#[derive(Debug)]
pub(super) struct Storage {
    store: Arc<dyn Store>,
    entity: Arc<EntityRef>,
    /// The revision of the last write, durable or not.
    revision: u64,
    size: Size,
}

/// What is stored of a copy, durable or not.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Bytes of the last whole copy.
    whole: usize,
    /// Bytes of what follows it.
    behind: usize,
    /// In so many writes.
    writes: usize,
}

/// What is known of an entity.
#[derive(Debug)]
pub(super) enum Stored {
    Nothing,
    Copy(Crdt),
    Deleted,
}

/// Why the copy of an entity cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Storage {
    /// What is stored, and where the next write goes.
    pub(super) async fn read(
        store: &Arc<dyn Store>,
        entity: &Arc<EntityRef>,
    ) -> Result<(Self, Stored), ReadError> {
        let value = store.value(entity).await?;
        let storage = Self {
            store: Arc::clone(store),
            entity: Arc::clone(entity),
            revision: value.revision,
            size: Size::of(&value),
        };
        let stored = match value.payload {
            Some(payload) => {
                let mut copy = Crdt::decode(payload.value)?;
                for changes in value.deltas {
                    copy.replay(changes.value)?;
                }
                Stored::Copy(copy)
            }
            None if value.revision > 0 => Stored::Deleted,
            None => Stored::Nothing,
        };
        Ok((storage, stored))
    }

    /// Has notes taken of what will change what is stored.
    pub(super) fn follow(&self, replica: &mut Replica) {
        replica.take_notes(self.size.budget());
    }

    /// Stores a copy as it is now.
    pub(super) fn write(&mut self, replica: &mut Replica) -> Commit {
        let change = match replica.take_changes() {
            Some(changes) => {
                self.size.behind += changes.len();
                self.size.writes += 1;
                Change::Delta(payload(CHANGES, changes))
            }
            None => match replica.encode() {
                Some(copy) => {
                    self.size = Size::whole(copy.len());
                    Change::Whole(payload(COPY, copy))
                }
                None => Change::Delete,
            },
        };
        self.follow(replica);
        self.put(change)
    }

    /// Stores that the entity was deleted: it cannot come back, because a copy elsewhere that does not know of it yet
    /// would bring all of it back.
    pub(super) fn delete(&mut self) -> Commit {
        self.put(Change::Delete)
    }

    fn put(&mut self, change: Change) -> Commit {
        let after = self.revision;
        self.revision += 1;
        self.store.put(Put {
            entity: Arc::clone(&self.entity),
            after,
            change,
        })
    }
}

impl Size {
    fn whole(whole: usize) -> Self {
        Self {
            whole,
            ..Self::default()
        }
    }

    fn of(value: &StoredValue) -> Self {
        Self {
            whole: value
                .payload
                .as_ref()
                .map_or(0, |payload| payload.value.len()),
            behind: value.deltas.iter().map(|delta| delta.value.len()).sum(),
            writes: value.deltas.len(),
        }
    }

    /// How many bytes of changes may follow; none if the next write is to be of the whole copy.
    fn budget(self) -> usize {
        if self.whole <= SMALL || self.writes >= MOST_CHANGES {
            return 0;
        }
        self.whole.saturating_sub(self.behind)
    }
}

fn payload(type_url: &'static str, value: Bytes) -> Any {
    Any {
        type_url: ByteString::from_static(type_url),
        value,
    }
}
