//! What an event-sourced entity's context holds: the events of the command, and their numbers.

use std::mem;

use cloudstate_protocol::Any;

use crate::{Context, EventContext, EventSourcedEntity, Handlers, Handles, ReplayError};

/// The events that a command has emitted so far.
#[derive(Debug, Default)]
pub struct Emitted {
    /// Number of the last event, these included; 0 before the first.
    sequence: u64,
    events: Vec<Any>,
}

impl<E: EventSourcedEntity> Context<E> {
    /// Sequence number of the last event, those emitted by this command included; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.work().sequence
    }

    pub(crate) fn set_sequence(&mut self, sequence: u64) {
        self.work_mut().sequence = sequence;
    }

    pub(crate) fn emit_to_handler<V: 'static>(&mut self, event: V)
    where
        E: Handles<V>,
    {
        let (state, entity_id, emitted) = self.parts();
        emitted.events.push(E::codec().write(&event));
        emitted.sequence += 1;
        let context = EventContext {
            entity_id,
            sequence: emitted.sequence,
        };
        state.apply(event, &context);
    }

    pub(super) fn apply_stored(&mut self, event: &Any, sequence: u64) -> Result<(), ReplayError>
    where
        E: Handlers,
    {
        let (state, entity_id, emitted) = self.parts();
        let context = EventContext {
            entity_id,
            sequence,
        };
        state.replay(event, &context)?;
        emitted.sequence = sequence;
        Ok(())
    }

    pub(super) fn take_events(&mut self) -> Vec<Any> {
        mem::take(&mut self.work_mut().events)
    }
}
