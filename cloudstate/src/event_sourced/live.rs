//! A live entity, its type erased: what the machine asks of the macros' implementations.

use std::any;

use bytes::Bytes;
use cloudstate_protocol::{
    Any,
    cloudstate::{self as wire, ClientAction, SideEffect},
};
use prost::DecodeError;

use super::emitted::Emitted;
use crate::{
    Context, EntityId, EventSourcedEntity, Failure, Handlers, Metadata, ReplayError,
    handler::{Command, Handled},
};

/// An entity in memory, of any type.
pub(crate) trait LiveEntity: Send {
    /// Replaces the state by a snapshot's, taken after event number `sequence`.
    fn restore(&mut self, snapshot: &Any, sequence: u64) -> Result<(), ReplayError>;

    /// Applies stored event number `sequence`.
    fn replay(&mut self, event: &Any, sequence: u64) -> Result<(), ReplayError>;

    /// The state, whose type the test kit knows.
    fn state(&self) -> &dyn any::Any;

    /// Runs a command.
    fn handle(
        &mut self,
        command_id: i64,
        name: &str,
        payload: Bytes,
        metadata: Option<wire::Metadata>,
    ) -> Result<Done, Rejection>;
}

/// Why a command has no answer of its handler.
pub(crate) enum Rejection {
    /// No handler has this name.
    Unknown,
    /// The payload is not the request message.
    Undecodable(DecodeError),
    /// The handler refused. If it emitted before, the state is not to be used again.
    Refused { failure: Failure, emitted: bool },
}

/// A successful command's answer and what it changed.
pub(crate) struct Done {
    pub(crate) client_action: Option<ClientAction>,
    pub(crate) effects: Vec<SideEffect>,
    pub(crate) events: Vec<Any>,
    pub(crate) snapshot: Option<Any>,
}

/// Makes `state` a live entity without events.
pub(crate) fn live<E: Handlers + EventSourcedEntity>(
    id: EntityId,
    state: E,
) -> Box<dyn LiveEntity> {
    Box::new(Context::new(id, state, Emitted::default()))
}

impl<E: Handlers + EventSourcedEntity> LiveEntity for Context<E> {
    fn restore(&mut self, snapshot: &Any, sequence: u64) -> Result<(), ReplayError> {
        self.state_mut().restore_snapshot(snapshot)?;
        self.set_sequence(sequence);
        Ok(())
    }

    fn replay(&mut self, event: &Any, sequence: u64) -> Result<(), ReplayError> {
        self.apply_stored(event, sequence)
    }

    fn state(&self) -> &dyn any::Any {
        &**self
    }

    fn handle(
        &mut self,
        command_id: i64,
        name: &str,
        payload: Bytes,
        metadata: Option<wire::Metadata>,
    ) -> Result<Done, Rejection> {
        let Some(name) = E::handled(name) else {
            return Err(Rejection::Unknown);
        };
        let before = self.sequence();
        self.begin(command_id, name, Metadata::from_wire(metadata));
        let handled = E::handle(self, Command { name, payload });
        let (events, effects) = (self.take_events(), self.end());
        match handled {
            Handled::Unknown => Err(Rejection::Unknown),
            Handled::Undecodable(error) => Err(Rejection::Undecodable(error)),
            Handled::Failed(failure) => Err(Rejection::Refused {
                failure,
                emitted: !events.is_empty(),
            }),
            Handled::Done(client_action) => {
                let due = snapshot_due(E::SNAPSHOT_EVERY, before, self.sequence());
                let snapshot = if due { E::take_snapshot(self) } else { None };
                Ok(Done {
                    client_action,
                    effects,
                    events,
                    snapshot,
                })
            }
        }
    }
}

/// Whether one of the events after number `before`, up to number `after`, is a multiple of `every`.
fn snapshot_due(every: u64, before: u64, after: u64) -> bool {
    every > 0 && before / every != after / every
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::snapshot_due;

    proptest! {
        #[test]
        fn a_snapshot_is_due_when_an_event_number_is_a_multiple(
            every in 0u64..20,
            before in 0u64..200,
            emitted in 0u64..50,
        ) {
            let after = before + emitted;
            let multiple = (before + 1..=after).any(|number| every > 0 && number % every == 0);
            prop_assert_eq!(snapshot_due(every, before, after), multiple);
        }
    }
}
