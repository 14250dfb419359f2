//! A value entity as a state machine: a message of the protocol in, at most one message out.
//!
//! As with event-sourced entities there is no I/O here, no task and no clock, and a panic of the user's code stays inside.

mod change;
mod live;

use std::{any, collections::VecDeque, mem, sync::Arc};

use cloudstate_protocol::cloudstate::{
    ClientAction, Command, Failure,
    client_action::Action,
    valueentity::{
        ValueEntityAction, ValueEntityDelete, ValueEntityInit, ValueEntityReply,
        ValueEntityStreamIn, ValueEntityStreamOut, ValueEntityUpdate,
        value_entity_action::Action as StateAction, value_entity_stream_in::Message as In,
        value_entity_stream_out::Message as Out,
    },
};

pub(crate) use change::Change;
pub(crate) use live::{LiveEntity, live};

use crate::{
    EntityId,
    guard::Guarded,
    machine::{Flow, Machine, failure, protocol_error},
    registry::Registry,
};
use live::{Rejection, Stored};

type Entity = Guarded<dyn LiveEntity>;

/// The user function's side of one entity stream, from its first message to its end.
#[derive(Debug)]
pub(crate) struct EntityStream {
    registry: Arc<Registry>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing received yet.
    Opened,
    Live(Entity),
    Ended,
}

impl EntityStream {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            phase: Phase::Opened,
        }
    }

    fn open(&mut self, init: ValueEntityInit) -> Result<(), Failure> {
        let Some(entity_type) = self.registry.value_entity(&init.service_name) else {
            let text = format!("Service not found: {}", init.service_name);
            return Err(protocol_error(0, &text));
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
        self.phase = Phase::Live(entity);
        Ok(())
    }

    /// The state of a live entity.
    pub(crate) fn state(&self) -> Option<&dyn any::Any> {
        match &self.phase {
            Phase::Live(entity) => entity.get().map(|live| live.state()),
            Phase::Opened | Phase::Ended => None,
        }
    }

    fn log(&self, failure: &Failure) {
        let (entity, id) = match &self.phase {
            Phase::Live(entity) => (entity.type_name(), entity.id().as_str()),
            Phase::Opened | Phase::Ended => ("", ""),
        };
        let (command_id, text) = (failure.command_id, &failure.description);
        tracing::error!(entity, id, command_id, "an entity broke down: {text}");
    }
}

impl Machine for EntityStream {
    type In = ValueEntityStreamIn;
    type Out = ValueEntityStreamOut;

    fn receive(
        &mut self,
        message: ValueEntityStreamIn,
        replies: &mut VecDeque<ValueEntityStreamOut>,
    ) -> Flow {
        let outcome = match (&mut self.phase, message.message) {
            (Phase::Ended, _) => return Flow::End,
            (Phase::Opened, Some(In::Init(init))) => self.open(init).map(|()| None),
            (Phase::Opened, _) => Err(expected_init()),
            (Phase::Live(_), Some(In::Init(_))) => {
                Err(protocol_error(0, "Value entity already inited"))
            }
            (Phase::Live(_), None) => Err(protocol_error(
                0,
                "Value entity received empty/unknown message",
            )),
            (Phase::Live(entity), Some(In::Command(command))) => handle(entity, command).map(Some),
        };
        match outcome {
            Ok(reply) => {
                replies.extend(reply.map(|reply| out(Out::Reply(reply))));
                Flow::Continue
            }
            Err(failure) => {
                self.log(&failure);
                self.phase = Phase::Ended;
                replies.push_back(out(Out::Failure(failure)));
                Flow::End
            }
        }
    }

    fn half_close(&mut self, replies: &mut VecDeque<ValueEntityStreamOut>) {
        if let Phase::Opened = mem::replace(&mut self.phase, Phase::Ended) {
            replies.push_back(out(Out::Failure(expected_init())));
        }
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
            let text = format!(
                "The payload of command [{}] is not its request message: {error}",
                command.name
            );
            Ok(refusal(id, text))
        }
        Err(Rejection::Unknown) => {
            let text = format!(
                "No command handler found for command [{}] on {}",
                command.name,
                entity.type_name()
            );
            Err(failure(id, text))
        }
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

fn expected_init() -> Failure {
    protocol_error(0, "Expected init message for Value entity")
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
