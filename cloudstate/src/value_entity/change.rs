//! What a value entity's context holds: whether the command has changed the state, and how to begin anew.

use std::{fmt, sync::Arc};

use crate::{
    Context, Entity, EntityId,
    kind::{Kind, Mutable, Value},
};

/// What a command has done to the state so far.
pub struct Change<E> {
    last: Last,
    create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>,
}

/// The last of a command's actions on the state, which is the one that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Last {
    #[default]
    Nothing,
    Update,
    Delete,
}

impl<E> Change<E> {
    pub(super) fn new(create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>) -> Self {
        Self {
            last: Last::default(),
            create,
        }
    }

    /// The state before the first command.
    pub(super) fn initial(&self, id: &EntityId) -> E {
        (self.create)(id)
    }

    /// What the command that has ended did.
    pub(super) fn take(&mut self) -> Last {
        std::mem::take(&mut self.last)
    }
}

impl Mutable for Value {
    fn changed<E: Entity<Kind = Self>>(work: &mut <Self as Kind>::Work<E>) {
        work.last = Last::Update;
    }

    fn delete<E: Entity<Kind = Self>>(context: &mut Context<E>) {
        let (state, id, work) = context.parts();
        *state = work.initial(id);
        work.last = Last::Delete;
    }
}

impl<E> fmt::Debug for Change<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
