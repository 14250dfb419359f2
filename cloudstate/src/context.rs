//! What a handler sees of the world: the entity's state, its identity, and what it may start.

use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
};

use cloudstate_protocol::cloudstate as wire;

use crate::{
    Entity, EntityId, EventOf, Metadata, SideEffect,
    kind::{Kind, Mutable},
};

/// The entity while it handles a command.
///
/// It dereferences to the state. What else it can do follows from the entity's [`Kind`](Entity::Kind): the state of an
/// event-sourced entity is for reading, and changes where it is told [`emit`](Self::emit); others are changed through the
/// context.
pub struct Context<E: Entity> {
    state: E,
    entity_id: EntityId,
    command_id: i64,
    command_name: &'static str,
    metadata: Metadata,
    effects: Vec<wire::SideEffect>,
    work: <E::Kind as Kind>::Work<E>,
}

impl<E: Entity> Context<E> {
    pub(crate) fn new(entity_id: EntityId, state: E, work: <E::Kind as Kind>::Work<E>) -> Self {
        Self {
            state,
            entity_id,
            command_id: 0,
            command_name: "",
            metadata: Metadata::new(),
            effects: Vec::new(),
            work,
        }
    }

    /// Stores an event, and applies it to the state at once.
    ///
    /// The reply leaves only when the event is durable. If the handler fails afterwards, the event is not stored and the
    /// state is as it was before the command. Compiles only for events that the entity has an `#[event_handler]` for.
    pub fn emit<V: EventOf<E, E::Kind>>(&mut self, event: V) {
        event.emit(self);
    }

    /// Deletes the state: a value entity is as before the first command, and nothing of it is stored.
    ///
    /// A CRDT entity is deleted on all nodes, and what the command changed beside that is not sent. Here its state stays
    /// to be read until the proxy closes the entity.
    ///
    /// If the handler fails afterwards, nothing is deleted.
    pub fn delete(&mut self)
    where
        E::Kind: Mutable,
    {
        <E::Kind as Mutable>::delete(self);
    }

    /// Starts another command once this one has succeeded and what it changed is durable.
    pub fn effect(&mut self, effect: SideEffect) {
        self.effects.push(effect.inner);
    }

    /// The entity's id.
    pub fn entity_id(&self) -> &EntityId {
        &self.entity_id
    }

    /// Number of the command among those of this activation, from 1.
    pub fn command_id(&self) -> i64 {
        self.command_id
    }

    /// Name of the rpc being handled, as the `.proto` has it.
    pub fn command_name(&self) -> &'static str {
        self.command_name
    }

    /// What came beside the command.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Begins a command.
    pub(crate) fn begin(
        &mut self,
        command_id: i64,
        command_name: &'static str,
        metadata: Metadata,
    ) {
        self.command_id = command_id;
        self.command_name = command_name;
        self.metadata = metadata;
    }

    /// The state, without a note that it is being changed.
    pub(crate) fn state_mut(&mut self) -> &mut E {
        &mut self.state
    }

    pub(crate) fn work(&self) -> &<E::Kind as Kind>::Work<E> {
        &self.work
    }

    pub(crate) fn work_mut(&mut self) -> &mut <E::Kind as Kind>::Work<E> {
        &mut self.work
    }

    /// State, id and work at once, for those who change one by another.
    pub(crate) fn parts(&mut self) -> (&mut E, &EntityId, &mut <E::Kind as Kind>::Work<E>) {
        (&mut self.state, &self.entity_id, &mut self.work)
    }

    /// Ends the command, and gives its side effects. What came beside it goes: an idle entity has no use for it.
    pub(crate) fn end(&mut self) -> Vec<wire::SideEffect> {
        self.metadata = Metadata::new();
        mem::take(&mut self.effects)
    }
}

impl<E: Entity> Deref for Context<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.state
    }
}

impl<E: Entity> DerefMut for Context<E>
where
    E::Kind: Mutable,
{
    fn deref_mut(&mut self) -> &mut E {
        <E::Kind as Mutable>::changed::<E>(&mut self.work);
        &mut self.state
    }
}

impl<E: Entity> fmt::Debug for Context<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("entity_id", &self.entity_id)
            .field("command_name", &self.command_name)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

/// What an event handler may know beside the event.
#[derive(Clone, Copy, Debug)]
pub struct EventContext<'a> {
    pub(crate) entity_id: &'a EntityId,
    pub(crate) sequence: u64,
}

impl<'a> EventContext<'a> {
    /// The entity's id.
    pub fn entity_id(&self) -> &'a EntityId {
        self.entity_id
    }

    /// The event's sequence number, from 1.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}
