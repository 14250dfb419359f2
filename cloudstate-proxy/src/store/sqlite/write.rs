//! What can be written.

use cloudstate_protocol::Any;

use crate::store::{self, Append, EntityRef, Put};

/// An append, a change of a value, or several of them that are stored together.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Append(Append),
    Put(Put),
    Together(Vec<store::Write>),
}

impl Write {
    /// Whose it is, for the log and for those who have met damage; of several writes, whose the first is.
    pub(super) fn entity(&self) -> Option<&EntityRef> {
        Some(match self {
            Self::Append(append) => &append.entity,
            Self::Put(put) => &put.entity,
            Self::Together(writes) => writes.first()?.entity(),
        })
    }

    /// Bytes of its payloads.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Append(append) => size_of_append(append),
            Self::Put(put) => sum(put.change.payload().into_iter()),
            Self::Together(writes) => writes.iter().map(size).sum(),
        }
    }

    /// Takes away what can be done without: a snapshot of events.
    pub(super) fn take_snapshot(&mut self) -> Option<Any> {
        match self {
            Self::Append(append) => snapshot_of(append),
            Self::Together(writes) => writes.iter_mut().find_map(|write| match write {
                store::Write::Append(append) => snapshot_of(append),
                store::Write::Put(_) | store::Write::Extend(_) => None,
            }),
            Self::Put(_) => None,
        }
    }
}

fn size(write: &store::Write) -> usize {
    match write {
        store::Write::Append(append) => size_of_append(append),
        store::Write::Put(put) => sum(put.change.payload().into_iter()),
        store::Write::Extend(extend) => sum(extend.events.iter()),
    }
}

fn size_of_append(append: &Append) -> usize {
    sum(append.events.iter().chain(&append.snapshot))
}

fn sum<'a>(payloads: impl Iterator<Item = &'a Any>) -> usize {
    payloads.map(|payload| payload.value.len()).sum()
}

fn snapshot_of(append: &mut Append) -> Option<Any> {
    if append.events.is_empty() {
        return None;
    }
    append.snapshot.take()
}
