//! An event-sourced entity as a state machine: a message of the protocol in, at most one message out.
//!
//! There is no I/O here, no task and no clock. The protocol server and the in-process user function feed the same
//! machine, so that what holds over the network holds in process too.

mod emitted;
mod live;

use std::{any, collections::VecDeque};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Failure, Metadata,
        client_action::Action,
        eventsourced::{
            EventSourcedEvent, EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
    },
};

pub(crate) use emitted::Emitted;
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
use live::Rejection;

type Entity = Guarded<dyn LiveEntity>;

/// The user function's side of the stream of an event-sourced entity.
pub(crate) type EntityStream = machine::EntityStream<Opened>;

/// An entity with its stream.
#[derive(Debug)]
pub(crate) enum Opened {
    Live(Entity),
    /// A command failed after it had emitted: the state was ahead of the journal and is gone. The proxy half-closes the
    /// stream and opens another.
    AwaitingRestart {
        entity_id: EntityId,
    },
}

impl OpenedStream for Opened {
    type In = EventSourcedStreamIn;
    type Out = EventSourcedStreamOut;

    fn open(registry: &Registry, message: EventSourcedStreamIn) -> Result<Self, Failure> {
        let Some(In::Init(init)) = message.message else {
            return Err(Self::expected_init());
        };
        let Some(entity_type) = registry.event_sourced(&init.service_name) else {
            return Err(service_not_found(&init.service_name));
        };
        let id = EntityId::new(init.entity_id);
        let mut entity = Guarded::create(entity_type.type_name, id, entity_type.create)
            .map_err(unexpected(0))?;
        if let Some(snapshot) = init.snapshot {
            let sequence = sequence(snapshot.snapshot_sequence)?;
            let payload = payload(snapshot.snapshot, "snapshot")?;
            entity
                .run(|live| live.restore(&payload, sequence))
                .map_err(unexpected(0))?
                .map_err(|error| failure(0, error.to_string()))?;
        }
        Ok(Self::Live(entity))
    }

    fn receive(
        &mut self,
        mut message: EventSourcedStreamIn,
        replies: &mut VecDeque<EventSourcedStreamOut>,
    ) -> Result<(), Failure> {
        // By reference: a command is too large to be moved from hand to hand.
        match message.message {
            Some(In::Command(ref mut command)) => {
                let reply = self.command(command)?;
                replies.push_back(out(Out::Reply(reply)));
                Ok(())
            }
            Some(In::Event(event)) => match self {
                Self::Live(entity) => replay(entity, event),
                Self::AwaitingRestart { .. } => Err(protocol_error(
                    0,
                    "Received an event on a stream whose restart was requested",
                )),
            },
            Some(In::Init(_)) => Err(protocol_error(0, "Entity already inited")),
            None => Err(protocol_error(0, "Received empty/unknown message")),
        }
    }

    fn metadata(message: &EventSourcedStreamIn) -> Option<&Metadata> {
        match &message.message {
            Some(In::Command(command)) => command.metadata.as_ref(),
            _ => None,
        }
    }

    fn expected_init() -> Failure {
        protocol_error(0, "Expected Init message")
    }

    fn broken(failure: Failure) -> EventSourcedStreamOut {
        out(Out::Failure(failure))
    }

    fn entity(&self) -> (&'static str, &EntityId) {
        match self {
            Self::Live(entity) => (entity.type_name(), entity.id()),
            Self::AwaitingRestart { entity_id } => ("", entity_id),
        }
    }

    fn state(&self) -> Option<&dyn any::Any> {
        match self {
            Self::Live(entity) => entity.get().map(LiveEntity::state),
            Self::AwaitingRestart { .. } => None,
        }
    }
}

impl Opened {
    fn command(&mut self, command: &mut Command) -> Result<EventSourcedReply, Failure> {
        let entity = match self {
            Self::Live(entity) => entity,
            Self::AwaitingRestart { entity_id } => {
                return refuse_until_restart(entity_id, command);
            }
        };
        let (reply, next) = handle(entity, command)?;
        if let Next::AwaitRestart = next {
            let entity_id = entity.id().clone();
            *self = Self::AwaitingRestart { entity_id };
        }
        Ok(reply)
    }
}

enum Next {
    GoOn,
    AwaitRestart,
}

fn replay(entity: &mut Entity, event: EventSourcedEvent) -> Result<(), Failure> {
    let sequence = sequence(event.sequence)?;
    let payload = payload(event.payload, "event")?;
    entity
        .run(|live| live.replay(&payload, sequence))
        .map_err(unexpected(0))?
        .map_err(|error| failure(0, error.to_string()))
}

fn handle(
    entity: &mut Entity,
    command: &mut Command,
) -> Result<(EventSourcedReply, Next), Failure> {
    let id = command.id;
    check_recipient(entity.id(), command)?;
    let Some(payload) = command.payload.take() else {
        return Err(protocol_error(id, "No command payload"));
    };
    let outcome = entity
        .run(|live| live.handle(id, &command.name, payload.value, command.metadata.take()))
        .map_err(unexpected(id))?;
    match outcome {
        Ok(done) => {
            let reply = EventSourcedReply {
                command_id: id,
                client_action: done.client_action,
                side_effects: done.effects,
                events: done.events,
                snapshot: done.snapshot,
            };
            Ok((reply, Next::GoOn))
        }
        Err(Rejection::Refused { failure, emitted }) => {
            let reply = refusal(id, failure.into_description(), emitted);
            let next = if emitted {
                Next::AwaitRestart
            } else {
                Next::GoOn
            };
            Ok((reply, next))
        }
        // The caller's doing, and nobody else's trouble: the entity goes on.
        Err(Rejection::Undecodable(error)) => {
            let text = undecodable(&command.name, &error);
            Ok((refusal(id, text, false), Next::GoOn))
        }
        Err(Rejection::Unknown) => Err(no_command_handler(id, &command.name, entity.type_name())),
    }
}

fn refuse_until_restart(
    entity_id: &EntityId,
    command: &Command,
) -> Result<EventSourcedReply, Failure> {
    check_recipient(entity_id, command)?;
    let text = "The entity must be loaded again before it takes commands: an earlier one failed after it had emitted";
    Ok(refusal(command.id, text.into(), true))
}

fn check_recipient(entity_id: &EntityId, command: &Command) -> Result<(), Failure> {
    if command.entity_id == entity_id.as_str() {
        return Ok(());
    }
    let text = "Receiving entity is not the intended recipient of command";
    Err(protocol_error(command.id, text))
}

fn sequence(number: i64) -> Result<u64, Failure> {
    u64::try_from(number)
        .map_err(|_| protocol_error(0, &format!("Negative sequence number {number}")))
}

fn payload(payload: Option<Any>, of: &str) -> Result<Any, Failure> {
    payload.ok_or_else(|| protocol_error(0, &format!("No {of} payload")))
}

/// The reply to a command that failed: it carries the failure and nothing else.
fn refusal(command_id: i64, description: String, restart: bool) -> EventSourcedReply {
    let failure = Failure {
        command_id,
        description,
        restart,
    };
    EventSourcedReply {
        command_id,
        client_action: Some(ClientAction {
            action: Some(Action::Failure(failure)),
        }),
        ..EventSourcedReply::default()
    }
}

fn unexpected(command_id: i64) -> impl FnOnce(String) -> Failure {
    move |panic| failure(command_id, format!("Unexpected failure: {panic}"))
}

fn out(message: Out) -> EventSourcedStreamOut {
    EventSourcedStreamOut {
        message: Some(message),
    }
}
