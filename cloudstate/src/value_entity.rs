//! A value entity as a state machine: a message of the protocol in, at most one message out.
//!
//! As with event-sourced entities there is no I/O here, no task and no clock, and a panic of the user's code stays inside.

mod change;
mod live;

use std::{any, collections::VecDeque};

use cloudstate_protocol::cloudstate::{
    ClientAction, Command, Failure, Metadata,
    client_action::Action,
    valueentity::{
        ValueEntityAction, ValueEntityDelete, ValueEntityReply, ValueEntityStreamIn,
        ValueEntityStreamOut, ValueEntityUpdate, value_entity_action::Action as StateAction,
        value_entity_stream_in::Message as In, value_entity_stream_out::Message as Out,
    },
};

pub(crate) use change::Change;
pub(crate) use live::{LiveEntity, live};

use crate::{
    EntityId,
    guard::Guarded,
    machine::{
        self, OpenedStream, failure, no_command_handler, protocol_error, service_not_found,
        undecodable,
    },
    registry::Registry,
};
use live::{Rejection, Stored};

type Entity = Guarded<dyn LiveEntity>;

/// The user function's side of the stream of a value entity.
pub(crate) type EntityStream = machine::EntityStream<Opened>;

/// An entity with its stream.
#[derive(Debug)]
pub(crate) struct Opened(Entity);

impl OpenedStream for Opened {
    type In = ValueEntityStreamIn;
    type Out = ValueEntityStreamOut;

    fn open(registry: &Registry, message: ValueEntityStreamIn) -> Result<Self, Failure> {
        let Some(In::Init(init)) = message.message else {
            return Err(Self::expected_init());
        };
        let Some(entity_type) = registry.value_entity(&init.service_name) else {
            return Err(service_not_found(&init.service_name));
        };
        let id = EntityId::new(init.entity_id);
        let mut entity = Guarded::create(entity_type.type_name, id, entity_type.create)
            .map_err(unexpected(0))?;
        if let Some(value) = init.state.and_then(|state| state.value) {
            entity
                .run(|live| live.load(value))
                .map_err(unexpected(0))?
                .map_err(|error| failure(0, error.to_string()))?;
        }
        Ok(Self(entity))
    }

    fn receive(
        &mut self,
        message: ValueEntityStreamIn,
        replies: &mut VecDeque<ValueEntityStreamOut>,
    ) -> Result<(), Failure> {
        match message.message {
            Some(In::Init(_)) => Err(protocol_error(0, "Value entity already inited")),
            None => Err(protocol_error(
                0,
                "Value entity received empty/unknown message",
            )),
            Some(In::Command(command)) => {
                let reply = handle(&mut self.0, command)?;
                replies.push_back(out(Out::Reply(reply)));
                Ok(())
            }
        }
    }

    fn metadata(message: &ValueEntityStreamIn) -> Option<&Metadata> {
        match &message.message {
            Some(In::Command(command)) => command.metadata.as_ref(),
            _ => None,
        }
    }

    fn expected_init() -> Failure {
        protocol_error(0, "Expected init message for Value entity")
    }

    fn broken(failure: Failure) -> ValueEntityStreamOut {
        out(Out::Failure(failure))
    }

    fn entity(&self) -> (&'static str, &EntityId) {
        (self.0.type_name(), self.0.id())
    }

    fn state(&self) -> Option<&dyn any::Any> {
        self.0.get().map(LiveEntity::state)
    }
}

fn handle(entity: &mut Entity, command: Command) -> Result<ValueEntityReply, Failure> {
    let id = command.id;
    if command.entity_id != entity.id().as_str() {
        let text = "Receiving Value entity is not the intended recipient of command";
        return Err(protocol_error(id, text));
    }
    let Some(payload) = command.payload else {
        return Err(protocol_error(id, "No command payload for Value entity"));
    };
    let outcome = entity
        .run(|live| live.handle(id, &command.name, payload.value, command.metadata))
        .map_err(unexpected(id))?;
    match outcome {
        Ok(done) => Ok(ValueEntityReply {
            command_id: id,
            client_action: done.client_action,
            side_effects: done.effects,
            state_action: done.stored.map(state_action),
        }),
        Err(Rejection::Refused(failure)) => Ok(refusal(id, failure.into_description())),
        // The caller's doing, and nobody else's trouble: the entity goes on.
        Err(Rejection::Undecodable(error)) => {
            let text = undecodable(&command.name, &error);
            Ok(refusal(id, text))
        }
        Err(Rejection::Unknown) => Err(no_command_handler(id, &command.name, entity.type_name())),
        Err(Rejection::Lost {
            failure: refused,
            error,
        }) => {
            let text = format!(
                "The state cannot be brought back behind a failed command ({refused}): {error}"
            );
            Err(failure(id, text))
        }
    }
}

fn state_action(stored: Stored) -> ValueEntityAction {
    let action = match stored {
        Stored::Value(value) => StateAction::Update(ValueEntityUpdate { value: Some(value) }),
        Stored::Nothing => StateAction::Delete(ValueEntityDelete {}),
    };
    ValueEntityAction {
        action: Some(action),
    }
}

/// The reply to a command that failed: it carries the failure and nothing else.
fn refusal(command_id: i64, description: String) -> ValueEntityReply {
    ValueEntityReply {
        command_id,
        client_action: Some(ClientAction {
            action: Some(Action::Failure(failure(command_id, description))),
        }),
        ..ValueEntityReply::default()
    }
}

fn unexpected(command_id: i64) -> impl FnOnce(String) -> Failure {
    move |panic| {
        failure(
            command_id,
            format!("Value entity unexpected failure: {panic}"),
        )
    }
}

fn out(message: Out) -> ValueEntityStreamOut {
    ValueEntityStreamOut {
        message: Some(message),
    }
}
