//! This proxy's copy of one entity, and what its user function knows of it.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use prost::Message;

use crate::crdt::{Changes, Cluster, Crdt, UpdateError};

/// A copy that the user function's deltas are applied to.
#[derive(Debug)]
pub(super) struct Replica {
    cluster: Arc<Cluster>,
    /// Nothing until the first delta.
    current: Option<Crdt>,
    /// What the user function takes for current, where that is something else.
    known: Option<Box<Crdt>>,
    /// At most how many bytes the whole value takes as a delta.
    size: usize,
    max_size: usize,
    /// What has changed since the last write; nothing if the next one has to be of the whole copy.
    unwritten: Option<Unwritten>,
}

#[derive(Debug)]
struct Unwritten {
    changes: Changes,
    /// Bytes of changes that are still less work than the whole copy.
    budget: usize,
}

/// Why a change of the user function is not accepted.
#[derive(Debug)]
pub(super) enum Refused {
    /// It breaks the protocol.
    Defect(UpdateError),
    /// The value would not fit into one message any more. The copy is as it was before.
    TooLarge { limit: usize },
}

impl Replica {
    /// `max_size` is in bytes of the whole value as a delta.
    pub(super) fn new(current: Option<Crdt>, cluster: Arc<Cluster>, max_size: usize) -> Self {
        Self {
            size: current.as_ref().map_or(0, Crdt::delta_len),
            cluster,
            current,
            known: None,
            max_size,
            unwritten: None,
        }
    }

    /// The whole value, for a user function that knows nothing yet.
    pub(super) fn whole(&self) -> Option<CrdtDelta> {
        let value = self.current.as_ref()?.value(&self.cluster)?;
        Some(value.into_delta())
    }

    /// Applies what the user function has changed.
    pub(super) fn update(&mut self, delta: CrdtDelta) -> Result<(), Refused> {
        let size = self.size + delta.encoded_len();
        if size > self.max_size {
            return self.update_large(delta);
        }
        self.size = size;
        self.apply(delta).map_err(Refused::Defect)
    }

    /// Near the limit, sizes are measured instead of estimated.
    fn update_large(&mut self, delta: CrdtDelta) -> Result<(), Refused> {
        let before = (self.current.clone(), self.known.clone());
        let noted = self.noted();
        self.apply(delta).map_err(Refused::Defect)?;
        let size = self.current.as_ref().map_or(0, Crdt::delta_len);
        if size > self.max_size {
            (self.current, self.known) = before;
            if let Some(unwritten) = &mut self.unwritten {
                unwritten.changes.truncate(noted);
            }
            return Err(Refused::TooLarge {
                limit: self.max_size,
            });
        }
        self.size = size;
        Ok(())
    }

    fn apply(&mut self, delta: CrdtDelta) -> Result<(), UpdateError> {
        let now = now();
        self.note(&delta, now);
        let Some(current) = &mut self.current else {
            self.current = Some(Crdt::create(delta, &self.cluster, now)?);
            return Ok(());
        };
        if self.known.is_none() && current.may_overrule(&delta, now) {
            self.known = Some(Box::new(current.clone()));
        }
        if let Some(known) = &mut self.known {
            known.update_as_seen(delta.clone(), &self.cluster, now)?;
        }
        current.update(delta, &self.cluster, now)
    }

    /// What the user function does not know yet; it counts as told then.
    pub(super) fn news(&mut self) -> Option<CrdtDelta> {
        let known = self.known.take()?.value(&self.cluster)?;
        let current = self.current.as_ref()?.value(&self.cluster)?;
        current.since(&known)
    }

    /// From now on notes what changes, up to so many bytes, because a write is on its way of everything before.
    pub(super) fn take_notes(&mut self, budget: usize) {
        let current = self.current.as_ref().filter(|_| budget > 0);
        self.unwritten = current.map(|current| Unwritten {
            changes: Changes::of(current, &self.cluster),
            budget,
        });
    }

    fn note(&mut self, delta: &CrdtDelta, now: i64) {
        let Some(unwritten) = &mut self.unwritten else {
            return;
        };
        unwritten.changes.push(delta, now);
        if unwritten.changes.len() > unwritten.budget {
            self.unwritten = None;
        }
    }

    /// Bytes of the notes.
    fn noted(&self) -> usize {
        self.unwritten
            .as_ref()
            .map_or(0, |unwritten| unwritten.changes.len())
    }

    /// What has changed since notes are taken, as it is stored; `None` if only the whole copy says it.
    pub(super) fn take_changes(&mut self) -> Option<Bytes> {
        let unwritten = self.unwritten.take()?;
        Some(unwritten.changes.encode())
    }

    /// The copy as it is stored.
    pub(super) fn encode(&self) -> Option<Bytes> {
        self.current.as_ref().map(Crdt::encode)
    }
}

/// Milliseconds since 1970, by the clock of this machine.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
