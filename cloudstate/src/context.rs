//! What a handler sees of the world: the entity's state, its identity, and what it may start.

use std::{fmt, mem, ops::Deref};

use cloudstate_protocol::{Any, cloudstate as wire};

use crate::{EntityId, EventOf, EventSourcedEntity, Handlers, ReplayError, SideEffect};

/// The entity while it handles a command.
///
/// It dereferences to the state, for reading: only [`emit`](Self::emit) changes it, through the event handlers.
pub struct Context<E: EventSourcedEntity> {
    state: E,
    entity_id: EntityId,
    sequence: u64,
    command_id: i64,
    command_name: &'static str,
    events: Vec<Any>,
    effects: Vec<wire::SideEffect>,
}

impl<E: EventSourcedEntity> Context<E> {
    pub(crate) fn new(entity_id: EntityId, state: E) -> Self {
        Self {
            state,
            entity_id,
            sequence: 0,
            command_id: 0,
            command_name: "",
            events: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Stores an event, and applies it to the state at once.
    ///
    /// The reply leaves only when the event is durable. If the handler fails afterwards, the event is not stored and the
    /// state is as it was before the command. Compiles only for events that the entity has an `#[event_handler]` for.
    pub fn emit<V: EventOf<E>>(&mut self, event: V) {
        self.events.push(Any {
            type_url: V::stored_type_url().clone(),
            value: event.encode(),
        });
        self.sequence += 1;
        let context = EventContext {
            entity_id: &self.entity_id,
            sequence: self.sequence,
        };
        event.apply_to(&mut self.state, &context);
    }

    /// Starts another command once this one has succeeded and its events are durable.
    pub fn effect(&mut self, effect: SideEffect) {
        self.effects.push(effect.inner);
    }

    /// The entity's id.
    pub fn entity_id(&self) -> &EntityId {
        &self.entity_id
    }

    /// Sequence number of the last event, those emitted by this command included; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Number of the command among those of this activation, from 1.
    pub fn command_id(&self) -> i64 {
        self.command_id
    }

    /// Name of the rpc being handled, as the `.proto` has it.
    pub fn command_name(&self) -> &'static str {
        self.command_name
    }

    pub(crate) fn state_mut(&mut self) -> &mut E {
        &mut self.state
    }

    pub(crate) fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    pub(crate) fn begin(&mut self, command_id: i64, command_name: &'static str) {
        self.command_id = command_id;
        self.command_name = command_name;
    }

    pub(crate) fn apply_stored(&mut self, event: &Any, sequence: u64) -> Result<(), ReplayError>
    where
        E: Handlers,
    {
        let context = EventContext {
            entity_id: &self.entity_id,
            sequence,
        };
        self.state.replay(event, &context)?;
        self.sequence = sequence;
        Ok(())
    }

    pub(crate) fn take_outcome(&mut self) -> (Vec<Any>, Vec<wire::SideEffect>) {
        (mem::take(&mut self.events), mem::take(&mut self.effects))
    }
}

impl<E: EventSourcedEntity> Deref for Context<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.state
    }
}

impl<E: EventSourcedEntity> fmt::Debug for Context<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("entity_id", &self.entity_id)
            .field("sequence", &self.sequence)
            .field("command_name", &self.command_name)
            .finish_non_exhaustive()
    }
}

/// What an event handler may know beside the event.
#[derive(Clone, Copy, Debug)]
pub struct EventContext<'a> {
    entity_id: &'a EntityId,
    sequence: u64,
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
