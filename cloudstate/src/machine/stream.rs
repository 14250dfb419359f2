//! The life of an entity's stream, of any kind: opened by its first message, live, ended.

use std::{any::Any, collections::VecDeque, fmt, mem, sync::Arc};

use cloudstate_protocol::cloudstate::{Failure, Metadata};

use super::{Flow, Machine};
use crate::{EntityId, registry::Registry, trace_context};

/// A stream behind its first message: what differs between the kinds of entity.
pub(crate) trait OpenedStream: Send + fmt::Debug + Sized {
    /// What the proxy says.
    type In;
    /// What the user function answers.
    type Out;

    /// Takes the first message.
    ///
    /// # Errors
    /// It is not the one that opens a stream, or the entity cannot be made of what it says.
    fn open(registry: &Registry, message: Self::In) -> Result<Self, Failure>;

    /// Takes a further message, and puts what it leads to behind what waits in `replies`.
    ///
    /// # Errors
    /// The stream is of no use any more.
    fn receive(
        &mut self,
        message: Self::In,
        replies: &mut VecDeque<Self::Out>,
    ) -> Result<(), Failure>;

    /// What travels beside a message, if it is a command.
    fn metadata(message: &Self::In) -> Option<&Metadata>;

    /// What the proxy is told if its first message opens no stream.
    fn expected_init() -> Failure;

    /// A failure as the stream carries it.
    fn broken(failure: Failure) -> Self::Out;

    /// The Rust type of the entity, and its id.
    fn entity(&self) -> (&'static str, &EntityId);

    /// The entity's state, while there is one.
    fn state(&self) -> Option<&dyn Any>;
}

/// The user function's side of one entity stream, from its first message to its end.
#[derive(Debug)]
pub(crate) struct EntityStream<S> {
    registry: Arc<Registry>,
    phase: Phase<S>,
}

#[derive(Debug)]
enum Phase<S> {
    /// Nothing received yet.
    New,
    Opened(S),
    Ended,
}

impl<S: OpenedStream> EntityStream<S> {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            phase: Phase::New,
        }
    }

    /// The state of a live entity.
    pub(crate) fn state(&self) -> Option<&dyn Any> {
        match &self.phase {
            Phase::Opened(stream) => stream.state(),
            Phase::New | Phase::Ended => None,
        }
    }

    fn log(&self, failure: &Failure) {
        let (entity, id) = match &self.phase {
            Phase::Opened(stream) => {
                let (entity, id) = stream.entity();
                (entity, id.as_str())
            }
            Phase::New | Phase::Ended => ("", ""),
        };
        let (command_id, text) = (failure.command_id, &failure.description);
        tracing::error!(entity, id, command_id, "an entity broke down: {text}");
    }
}

impl<S: OpenedStream> Machine for EntityStream<S> {
    type In = S::In;
    type Out = S::Out;

    fn receive(&mut self, message: S::In, replies: &mut VecDeque<S::Out>) -> Flow {
        // A command's alone: a replay has nothing beside its messages.
        let _logged = trace_context::span(S::metadata(&message)).entered();
        let outcome = match &mut self.phase {
            Phase::Ended => return Flow::End,
            Phase::New => {
                S::open(&self.registry, message).map(|stream| self.phase = Phase::Opened(stream))
            }
            Phase::Opened(stream) => stream.receive(message, replies),
        };
        let Err(failure) = outcome else {
            return Flow::Continue;
        };
        self.log(&failure);
        self.phase = Phase::Ended;
        replies.push_back(S::broken(failure));
        Flow::End
    }

    fn half_close(&mut self, replies: &mut VecDeque<S::Out>) {
        if let Phase::New = mem::replace(&mut self.phase, Phase::Ended) {
            replies.push_back(S::broken(S::expected_init()));
        }
    }
}
