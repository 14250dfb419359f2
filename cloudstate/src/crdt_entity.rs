//! A CRDT entity as a state machine: a message of the protocol in, any number of messages out.
//!
//! As with the other kinds there is no I/O here, no task and no clock, and a panic of the user's code stays inside. One
//! message leads to several where streamed commands are open: the reply first, then a message for each stream that was
//! open before.

mod live;
mod subscription;
mod work;

use std::{collections::VecDeque, mem, sync::Arc};

use cloudstate_protocol::cloudstate::{
    ClientAction, Command, Failure, StreamCancelled,
    client_action::Action,
    crdt::{
        CrdtDelta, CrdtInit, CrdtReply, CrdtStreamIn, CrdtStreamOut, crdt_stream_in::Message as In,
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
    machine::{Flow, Machine, failure, protocol_error},
    registry::Registry,
};
use live::Rejection;

type Entity = Guarded<dyn LiveEntity>;
type Replies = VecDeque<CrdtStreamOut>;

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

    fn open(&mut self, init: CrdtInit) -> Result<(), Failure> {
        let Some(entity_type) = self.registry.crdt_entity(&init.service_name) else {
            let text = format!("Service not found: {}", init.service_name);
            return Err(protocol_error(0, &text));
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
        self.phase = Phase::Live(entity);
        Ok(())
    }

    /// The state of a live entity.
    #[cfg(feature = "embedded")]
    pub(crate) fn state(&self) -> Option<&dyn std::any::Any> {
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
    type In = CrdtStreamIn;
    type Out = CrdtStreamOut;

    fn receive(&mut self, message: CrdtStreamIn, replies: &mut Replies) -> Flow {
        let outcome = match (&mut self.phase, message.message) {
            (Phase::Ended, _) => return Flow::End,
            (Phase::Opened, Some(In::Init(init))) => self.open(init),
            (Phase::Opened, _) => Err(expected_init()),
            (Phase::Live(_), Some(In::Init(_))) => {
                Err(protocol_error(0, "CRDT entity already inited"))
            }
            (Phase::Live(_), None) => Err(protocol_error(
                0,
                "CRDT entity received empty/unknown message",
            )),
            (Phase::Live(entity), Some(In::Delta(delta))) => apply(entity, delta, replies),
            // Nothing is asked of the entity any more: the proxy closes the stream behind this.
            (Phase::Live(_), Some(In::Delete(_))) => Ok(()),
            (Phase::Live(entity), Some(In::Command(command))) => handle(entity, command, replies),
            (Phase::Live(entity), Some(In::StreamCancelled(cancelled))) => {
                cancel(entity, &cancelled, replies)
            }
        };
        let Err(failure) = outcome else {
            return Flow::Continue;
        };
        self.log(&failure);
        self.phase = Phase::Ended;
        replies.push_back(out(Out::Failure(failure)));
        Flow::End
    }

    fn half_close(&mut self, replies: &mut Replies) {
        if let Phase::Opened = mem::replace(&mut self.phase, Phase::Ended) {
            replies.push_back(out(Out::Failure(expected_init())));
        }
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
            let text = format!(
                "The payload of command [{}] is not its request message: {error}",
                command.name
            );
            replies.push_back(refusal(id, text));
            Ok(())
        }
        Err(Rejection::Unknown) => {
            let text = format!(
                "No command handler found for command [{}] on {}",
                command.name,
                entity.type_name()
            );
            Err(failure(id, text))
        }
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

fn expected_init() -> Failure {
    protocol_error(0, "Expected init message for CRDT entity")
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
