//! What a CRDT entity's context holds beside the state: what the command asks of the proxy.

use std::{fmt, mem};

use cloudstate_protocol::cloudstate::crdt::CrdtWriteConsistency;

use super::subscription::Callbacks;
use crate::{
    Context, Entity,
    kind::{Crdt, Kind, Mutable},
};

/// How many nodes must have a change before the reply to its command leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteConsistency {
    /// This one; the others hear of it soon.
    #[default]
    Local,
    /// More than half of the nodes.
    Majority,
    /// All nodes.
    All,
}

impl WriteConsistency {
    pub(super) fn into_wire(self) -> CrdtWriteConsistency {
        match self {
            Self::Local => CrdtWriteConsistency::Local,
            Self::Majority => CrdtWriteConsistency::Majority,
            Self::All => CrdtWriteConsistency::All,
        }
    }
}

/// What a command asks for beside a change of the state.
pub struct Work<E: Entity> {
    pub(super) deleted: bool,
    pub(super) consistency: WriteConsistency,
    /// What to run when the state changes and when the caller goes away, if the answer is a stream; and the type URL of
    /// what it sends.
    pub(super) opened: Option<(Callbacks<E>, &'static str)>,
}

impl<E: Entity> Work<E> {
    /// What the command that has ended asked for.
    pub(super) fn take(&mut self) -> Self {
        mem::take(self)
    }

    pub(crate) fn open(&mut self, callbacks: Callbacks<E>, response: &'static str) {
        self.opened = Some((callbacks, response));
    }
}

impl<E: Entity> Default for Work<E> {
    fn default() -> Self {
        Self {
            deleted: false,
            consistency: WriteConsistency::Local,
            opened: None,
        }
    }
}

impl<E: Entity<Kind = Crdt>> Context<E> {
    /// Waits for so many nodes with the reply to this command, if it changes or deletes the state.
    ///
    /// The last call counts.
    pub fn write_consistency(&mut self, consistency: WriteConsistency) {
        self.work_mut().consistency = consistency;
    }
}

impl Mutable for Crdt {
    /// The replicated value itself knows what has changed.
    fn changed<E: Entity<Kind = Self>>(_work: &mut <Self as Kind>::Work<E>) {}

    fn delete<E: Entity<Kind = Self>>(context: &mut Context<E>) {
        context.work_mut().deleted = true;
    }
}

impl<E: Entity> fmt::Debug for Work<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("deleted", &self.deleted)
            .field("consistency", &self.consistency)
            .finish_non_exhaustive()
    }
}
