//! What can be written.

use cloudstate_protocol::Any;

use crate::store::{Append, EntityRef, Put};

/// An append or a change of a value.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Append(Append),
    Put(Put),
}

impl Write {
    pub(super) fn entity(&self) -> &EntityRef {
        match self {
            Self::Append(append) => &append.entity,
            Self::Put(put) => &put.entity,
        }
    }

    /// Bytes of its payloads.
    pub(super) fn size(&self) -> usize {
        let sum = |payloads: &mut dyn Iterator<Item = &Any>| {
            payloads.map(|payload| payload.value.len()).sum()
        };
        match self {
            Self::Append(append) => sum(&mut append.events.iter().chain(&append.snapshot)),
            Self::Put(put) => sum(&mut put.value.iter()),
        }
    }

    /// Takes away what can be done without: a snapshot of events.
    pub(super) fn take_snapshot(&mut self) -> Option<Any> {
        match self {
            Self::Append(append) if !append.events.is_empty() => append.snapshot.take(),
            Self::Append(_) | Self::Put(_) => None,
        }
    }
}
