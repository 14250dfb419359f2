//! An action under test.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::{
    action::{ActionCommand, ActionResponse, action_response::Response},
    client_action::Action,
};
use futures_util::{Stream, StreamExt, stream, stream::BoxStream};

use super::{Answer, Command, fixture};
use crate::{
    Cloudstate, Metadata, Rpc, Service, UserFunction,
    action::{CallError, CallHandlers},
    service::{ClientStreaming, ServerStreaming, Streaming, Unary},
};

/// An action under test: a call leads to answers.
///
/// Calls run as in production, without the network: when they are polled, and as fast as their answers are taken.
/// Nothing is carried out that an answer starts elsewhere; the test looks at it.
///
/// ```
/// # use cloudstate::{prelude::*, testing::ActionTest};
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
/// # #[action(service = pb::Archive)]
/// # #[derive(Default)]
/// # struct Archive;
/// # #[handlers]
/// # impl Archive {
/// #     #[call_handler]
/// #     async fn find(&self, request: pb::GetCart) -> Result<Reply<pb::Contents>, Failure> {
/// #         ensure!(!request.cart.is_empty(), "which cart?");
/// #         Ok(Reply::forward(Forward::to(pb::Cart::GetCart, request)))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let archive = ActionTest::new(Archive);
/// let request = pb::GetCart { cart: "cart-1".into() };
///
/// let found = archive.call(pb::Archive::Find, request.clone()).await;
/// assert_eq!(found.forward(pb::Cart::GetCart), request);
///
/// let refused = archive.call(pb::Archive::Find, pb::GetCart::default()).await;
/// assert_eq!(refused.failure(), "which cart?");
/// # }
/// ```
pub struct ActionTest<A> {
    user_function: UserFunction,
    metadata: Metadata,
    action: PhantomData<fn() -> A>,
}

impl<A: CallHandlers> ActionTest<A> {
    /// This value handles all calls.
    ///
    /// # Panics
    /// The action cannot be served.
    #[track_caller]
    pub fn new(action: A) -> Self {
        let service = Cloudstate::new()
            .service_name("test")
            .register_action(action);
        Self {
            user_function: fixture::checked::<A>(service),
            metadata: Metadata::new(),
            action: PhantomData,
        }
    }

    /// The same action, called with this metadata.
    #[must_use]
    pub fn metadata(&self, metadata: Metadata) -> Self {
        Self {
            user_function: self.user_function.clone(),
            metadata,
            action: PhantomData,
        }
    }

    /// Calls an rpc: one request, one answer.
    pub async fn call<R>(&self, rpc: R, request: R::Request) -> Answer<R>
    where
        R: Rpc<Service = A::Service, Shape = Unary>,
    {
        let command = self.first::<R>(Some(Command::to(rpc, request)));
        answer(self.user_function.action(command).await)
    }

    /// Calls an rpc with a stream of requests for one answer.
    pub async fn call_with_stream<R, S>(&self, rpc: R, requests: S) -> Answer<R>
    where
        R: Rpc<Service = A::Service, Shape = ClientStreaming>,
        S: Stream<Item = R::Request> + Send + 'static,
    {
        let commands = self.commands(rpc, requests);
        answer(self.user_function.action_streamed_in(commands).await)
    }

    /// Calls an rpc for a stream of answers.
    pub fn stream<R>(&self, rpc: R, request: R::Request) -> Answers<R>
    where
        R: Rpc<Service = A::Service, Shape = ServerStreaming>,
    {
        let command = self.first::<R>(Some(Command::to(rpc, request)));
        Answers::new(self.user_function.action_streamed_out(command))
    }

    /// Calls an rpc with a stream of requests for a stream of answers.
    pub fn stream_with_stream<R, S>(&self, rpc: R, requests: S) -> Answers<R>
    where
        R: Rpc<Service = A::Service, Shape = Streaming>,
        S: Stream<Item = R::Request> + Send + 'static,
    {
        let commands = self.commands(rpc, requests);
        Answers::new(self.user_function.action_streamed(commands))
    }

    /// A call's first message, which has its names.
    fn first<R: Rpc>(&self, command: Option<Command>) -> ActionCommand {
        ActionCommand {
            service_name: <R::Service as Service>::NAME.into(),
            name: R::NAME.into(),
            payload: command.map(Command::into_payload),
            metadata: self.metadata.clone().into_wire(),
        }
    }

    fn commands<R: Rpc, S>(
        &self,
        rpc: R,
        requests: S,
    ) -> impl Stream<Item = ActionCommand> + use<A, R, S>
    where
        S: Stream<Item = R::Request> + Send + 'static,
    {
        let first = self.first::<R>(None);
        let rest = requests.map(move |request| ActionCommand {
            payload: Some(Command::to(rpc, request).into_payload()),
            ..ActionCommand::default()
        });
        stream::iter([first]).chain(rest)
    }
}

impl<A> fmt::Debug for ActionTest<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionTest")
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// The answers of a call of rpc `R` whose responses stream. Dropping them cancels the call.
pub struct Answers<R: Rpc> {
    stream: BoxStream<'static, Answer<R>>,
}

impl<R: Rpc> Answers<R> {
    fn new(
        responses: impl Stream<Item = Result<ActionResponse, CallError>> + Send + 'static,
    ) -> Self {
        Self {
            stream: responses.map(answer).boxed(),
        }
    }

    /// The next answer; `None` at the end.
    pub async fn next(&mut self) -> Option<Answer<R>> {
        self.stream.next().await
    }

    /// Every answer that is left, up to the end.
    pub async fn all(self) -> Vec<Answer<R>> {
        self.stream.collect().await
    }
}

impl<R: Rpc> Stream for Answers<R> {
    type Item = Answer<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        self.stream.poll_next_unpin(cx)
    }
}

impl<R: Rpc> fmt::Debug for Answers<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

fn answer<R: Rpc>(response: Result<ActionResponse, CallError>) -> Answer<R> {
    let response = match response {
        Ok(response) => response,
        Err(error) => return Answer::broken(fixture::defect_text(&error.to_string())),
    };
    let action = response.response.map(|response| match response {
        Response::Reply(reply) => Action::Reply(reply),
        Response::Forward(forward) => Action::Forward(forward),
        Response::Failure(failure) => Action::Failure(failure),
    });
    Answer::new(action, response.side_effects)
}
