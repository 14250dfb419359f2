//! A CRDT entity as a state machine: a message of the protocol in, any number of messages out.
//!
//! As with the other kinds there is no I/O here, no task and no clock, and a panic of the user's code stays inside. One
//! message leads to several where streamed commands are open: the reply first, then a message for each stream that was
//! open before.

mod live;
mod subscription;
mod work;

use std::{any, collections::VecDeque};

use cloudstate_protocol::cloudstate::{
    ClientAction, Command, Failure, Metadata, StreamCancelled,
    client_action::Action,
    crdt::{
        CrdtDelta, CrdtReply, CrdtStreamIn, CrdtStreamOut, crdt_stream_in::Message as In,
        crdt_stream_out::Message as Out,
    },
};

pub(crate) use live::{LiveEntity, live};
pub(crate) use subscription::{Answer, Callbacks, Pushed};
pub(crate) use work::Work;
pub use work::WriteConsistency;

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
type Replies = VecDeque<CrdtStreamOut>;

/// The user function's side of the stream of a CRDT entity.
pub(crate) type EntityStream = machine::EntityStream<Opened>;

/// An entity with its stream.
#[derive(Debug)]
pub(crate) struct Opened(Entity);

impl OpenedStream for Opened {
    type In = CrdtStreamIn;
    type Out = CrdtStreamOut;

    fn open(registry: &Registry, message: CrdtStreamIn) -> Result<Self, Failure> {
        let Some(In::Init(init)) = message.message else {
            return Err(Self::expected_init());
        };
        let Some(entity_type) = registry.crdt_entity(&init.service_name) else {
            return Err(service_not_found(&init.service_name));
        };
        let id = EntityId::new(init.entity_id);
        let mut entity = Guarded::create(entity_type.type_name, id, entity_type.create)
            .map_err(unexpected(0))?;
        if let Some(delta) = init.delta {
            entity
                .run(|live| live.load(delta))
                .map_err(unexpected(0))?
                .map_err(|error| failure(0, error.to_string()))?;
        }
        Ok(Self(entity))
    }

    fn receive(&mut self, message: CrdtStreamIn, replies: &mut Replies) -> Result<(), Failure> {
        let Self(entity) = self;
        match message.message {
            Some(In::Init(_)) => Err(protocol_error(0, "CRDT entity already inited")),
            None => Err(protocol_error(
                0,
                "CRDT entity received empty/unknown message",
            )),
            Some(In::Delta(delta)) => apply(entity, delta, replies),
            // Nothing is asked of the entity any more: the proxy closes the stream behind this.
            Some(In::Delete(_)) => Ok(()),
            Some(In::Command(command)) => handle(entity, command, replies),
            Some(In::StreamCancelled(cancelled)) => cancel(entity, &cancelled, replies),
        }
    }

    fn metadata(message: &CrdtStreamIn) -> Option<&Metadata> {
        match &message.message {
            Some(In::Command(command)) => command.metadata.as_ref(),
            _ => None,
        }
    }

    fn expected_init() -> Failure {
        protocol_error(0, "Expected init message for CRDT entity")
    }

    fn broken(failure: Failure) -> CrdtStreamOut {
        out(Out::Failure(failure))
    }

    fn entity(&self) -> (&'static str, &EntityId) {
        (self.0.type_name(), self.0.id())
    }

    fn state(&self) -> Option<&dyn any::Any> {
        self.0.get().map(LiveEntity::state)
    }
}

fn apply(entity: &mut Entity, delta: CrdtDelta, replies: &mut Replies) -> Result<(), Failure> {
    entity
        .run(|live| live.apply(delta, replies))
        .map_err(unexpected(0))?
        .map_err(|error| failure(0, error.to_string()))
}

fn handle(entity: &mut Entity, command: Command, replies: &mut Replies) -> Result<(), Failure> {
    let id = command.id;
    check_recipient(entity, &command.entity_id, id)?;
    let Some(payload) = command.payload else {
        return Err(protocol_error(id, "No command payload for CRDT entity"));
    };
    let call = live::Call {
        command_id: id,
        name: &command.name,
        payload: payload.value,
        metadata: command.metadata,
        streamed: command.streamed,
    };
    let outcome = entity
        .run(|live| live.handle(call, replies))
        .map_err(unexpected(id))?;
    match outcome {
        Ok(()) => Ok(()),
        Err(Rejection::Refused(failure)) => {
            replies.push_back(refusal(id, failure.into_description()));
            Ok(())
        }
        // The caller's doing, and nobody else's trouble: the entity goes on.
        Err(Rejection::Undecodable(error)) => {
            let text = undecodable(&command.name, &error);
            replies.push_back(refusal(id, text));
            Ok(())
        }
        Err(Rejection::Unknown) => Err(no_command_handler(id, &command.name, entity.type_name())),
        Err(Rejection::Replaced) => Err(replaced(id)),
    }
}

fn cancel(
    entity: &mut Entity,
    cancelled: &StreamCancelled,
    replies: &mut Replies,
) -> Result<(), Failure> {
    check_recipient(entity, &cancelled.entity_id, cancelled.id)?;
    entity
        .run(|live| live.cancel(cancelled.id, replies))
        .map_err(unexpected(cancelled.id))?
        .map_err(|live::Replaced| replaced(cancelled.id))
}

fn check_recipient(entity: &Entity, recipient: &str, command_id: i64) -> Result<(), Failure> {
    if recipient == entity.id().as_str() {
        return Ok(());
    }
    let text = "Receiving CRDT entity is not the intended recipient of command";
    Err(protocol_error(command_id, text))
}

/// The reply to a command that failed: it carries the failure and nothing else.
fn refusal(command_id: i64, description: String) -> CrdtStreamOut {
    out(Out::Reply(CrdtReply {
        command_id,
        client_action: Some(ClientAction {
            action: Some(Action::Failure(failure(command_id, description))),
        }),
        ..CrdtReply::default()
    }))
}

fn replaced(command_id: i64) -> Failure {
    let text = "The handler put another value in the place of the replicated one, or of one in a map: change it by its \
                own operations, such as `clear`";
    failure(command_id, text.into())
}

fn unexpected(command_id: i64) -> impl FnOnce(String) -> Failure {
    move |panic| {
        failure(
            command_id,
            format!("CRDT entity unexpected failure: {panic}"),
        )
    }
}

fn out(message: Out) -> CrdtStreamOut {
    CrdtStreamOut {
        message: Some(message),
    }
}
