//! An action, its type erased, and what the protocol says of calls before they reach a handler.

use std::{any::type_name, fmt, sync::Arc};

use cloudstate_protocol::cloudstate::{
    Metadata,
    action::{ActionCommand, ActionResponse},
};
use futures_util::StreamExt;

use super::{Answers, CallError, CallHandlers, Invocation, dispatch::Input, incoming::Commands};
use crate::{Failure, registry::Registry, trace_context};

/// An action of any type, which serves the calls of one service.
#[derive(Clone)]
pub(crate) struct LiveAction {
    action: Arc<dyn ErasedAction>,
}

trait ErasedAction: Send + Sync {
    fn handled(&self, name: &str) -> Option<&'static str>;
    fn call(self: Arc<Self>, call: Invocation) -> Result<Answers, CallError>;
    fn type_name(&self) -> &'static str;
}

impl<A: CallHandlers> ErasedAction for A {
    fn handled(&self, name: &str) -> Option<&'static str> {
        A::HANDLED.iter().find(|handled| **handled == name).copied()
    }

    fn call(self: Arc<Self>, call: Invocation) -> Result<Answers, CallError> {
        CallHandlers::call(self, call)
    }

    fn type_name(&self) -> &'static str {
        type_name::<A>()
    }
}

impl LiveAction {
    pub(crate) fn new<A: CallHandlers>(action: A) -> Self {
        let action = Arc::new(action);
        Self { action }
    }

    /// Begins a call with one message.
    pub(crate) fn call_one(&self, command: ActionCommand, streamed_out: bool) -> Answers {
        let input = Input::One(command.payload.unwrap_or_default());
        self.call(&command.name, command.metadata, input, streamed_out)
    }

    /// Begins a call with a stream of messages; `first` has the names and no message.
    pub(crate) fn call_many(
        &self,
        first: ActionCommand,
        rest: Commands,
        streamed_out: bool,
    ) -> Answers {
        let input = Input::Many(rest);
        self.call(&first.name, first.metadata, input, streamed_out)
    }

    fn call(
        &self,
        name: &str,
        metadata: Option<Metadata>,
        input: Input,
        streamed_out: bool,
    ) -> Answers {
        let action = self.action.type_name();
        let Some(name) = self.action.handled(name) else {
            return Answers::error(CallError::unhandled(name, action));
        };
        let span = trace_context::span(metadata.as_ref());
        let invocation = Invocation {
            name,
            metadata,
            input,
            streamed_out,
        };
        match Arc::clone(&self.action).call(invocation) {
            Ok(answers) => answers.named(action, name, span),
            Err(error) => Answers::error(error),
        }
    }
}

impl fmt::Debug for LiveAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveAction")
            .field(&self.action.type_name())
            .finish()
    }
}

/// Begins a call with one message.
pub(crate) fn call_one(registry: &Registry, command: ActionCommand, streamed_out: bool) -> Answers {
    match registry.action(&command.service_name) {
        Some(action) => action.call_one(command, streamed_out),
        None => unknown_service(&command),
    }
}

/// Begins a call with a stream of messages, of which the first has the names.
pub(crate) async fn call_many(
    registry: Arc<Registry>,
    mut commands: Commands,
    streamed_out: bool,
) -> Answers {
    let first = match commands.next().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => return Answers::error(error),
        None => {
            return Answers::failure(Failure::new(
                "Cloudstate protocol failure: expected command message with service name and command name, but got \
                 empty stream",
            ));
        }
    };
    match registry.action(&first.service_name) {
        Some(action) => action.call_many(first, commands, streamed_out),
        None => unknown_service(&first),
    }
}

/// The response of a call whose responses do not stream.
pub(crate) async fn only(mut answers: Answers) -> Result<ActionResponse, CallError> {
    // A call that ends without a response has none for its caller.
    answers
        .next()
        .await
        .unwrap_or_else(|| Ok(ActionResponse::default()))
}

fn unknown_service(command: &ActionCommand) -> Answers {
    Answers::failure(Failure::new(format!(
        "Unknown service: {}",
        command.service_name
    )))
}
