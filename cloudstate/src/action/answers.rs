//! A call in progress: a stream of responses that runs the handler while it is polled.

use std::{
    fmt,
    future::{self, Ready},
    marker::PhantomData,
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::{
    self as wire,
    action::{ActionResponse, action_response::Response},
};
use futures_util::{Stream, StreamExt, future::BoxFuture};
use tokio::sync::oneshot;
use tracing::Span;

use super::CallError;
use crate::{
    Failure, Rpc,
    guard::catch,
    handler::{IntoReply, response_payload},
    reply::Action,
};

/// The responses to a call. Polling them runs the handler; dropping them cancels it.
pub struct Answers(State);

enum State {
    /// Answered without a handler.
    Answered(Result<ActionResponse, CallError>),
    /// The handler is dropped with this, and like its other code must not unwind from there.
    Running(Running),
    Ended,
}

struct Running {
    /// Ends with the last response, if that is not in the slot.
    handler: Option<BoxFuture<'static, Option<ActionResponse>>>,
    /// Where a handler of a streaming rpc puts one response at a time.
    slot: Option<Slot>,
    /// Tells that the call's messages broke off, or that one cannot be read.
    broken: Option<oneshot::Receiver<Broken>>,
    /// Names of the handler's type and rpc, for the log.
    names: (&'static str, &'static str),
    /// What is logged while it runs belongs to.
    span: Span,
}

/// Why a stream of messages ends before its end.
#[derive(Debug)]
pub(super) enum Broken {
    Off(CallError),
    Unreadable(Failure),
}

impl Answers {
    pub(super) fn one(response: ActionResponse) -> Self {
        Self(State::Answered(Ok(response)))
    }

    pub(super) fn error(error: CallError) -> Self {
        Self(State::Answered(Err(error)))
    }

    pub(super) fn failure(failure: Failure) -> Self {
        Self::one(refusal(failure))
    }

    /// Says whose handler it is that runs, and what it logs belongs to.
    pub(super) fn named(mut self, action: &'static str, call: &'static str, span: Span) -> Self {
        if let State::Running(running) = &mut self.0 {
            running.names = (action, call);
            running.span = span;
        }
        self
    }

    /// Runs a handler that ends with its response.
    pub(super) fn unary(
        handler: impl Future<Output = ActionResponse> + Send + 'static,
        broken: Option<oneshot::Receiver<Broken>>,
    ) -> Self {
        Self(State::Running(Running {
            handler: Some(Box::pin(async { Some(handler.await) })),
            slot: None,
            broken,
            names: ("", ""),
            span: Span::none(),
        }))
    }

    /// Runs a handler that puts its responses into `slot`.
    pub(super) fn streaming(
        handler: impl Future<Output = ()> + Send + 'static,
        slot: Slot,
        broken: Option<oneshot::Receiver<Broken>>,
    ) -> Self {
        Self(State::Running(Running {
            handler: Some(Box::pin(async {
                handler.await;
                None
            })),
            slot: Some(slot),
            broken,
            names: ("", ""),
            span: Span::none(),
        }))
    }
}

impl Stream for Answers {
    type Item = Result<ActionResponse, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let State::Running(running) = &mut self.0 else {
            return Poll::Ready(match mem::replace(&mut self.0, State::Ended) {
                State::Answered(answer) => Some(answer),
                State::Running(_) | State::Ended => None,
            });
        };
        let (last, ended) = match running.poll(cx) {
            Poll::Ready(end) => (end, true),
            Poll::Pending => match running.slot.as_ref().and_then(Slot::take) {
                Some(response) => (Some(Ok(response)), false),
                None => match running.poll_broken(cx) {
                    Poll::Ready(broken) => (Some(broken), true),
                    Poll::Pending => return Poll::Pending,
                },
            },
        };
        if ended {
            self.0 = State::Ended;
        }
        Poll::Ready(last)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Answered(_) => "answered",
            State::Running(_) => "running",
            State::Ended => "ended",
        };
        f.debug_tuple("Answers").field(&state).finish()
    }
}

impl Running {
    /// Runs the handler on; ready with what it ends with.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ActionResponse, CallError>>> {
        let Some(handler) = &mut self.handler else {
            return Poll::Ready(None);
        };
        let _logged = self.span.enter();
        match catch(|| handler.as_mut().poll(cx)) {
            Ok(Poll::Ready(last)) => Poll::Ready(last.map(Ok)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                let (action, call) = self.names;
                tracing::error!(action, call, "a call broke down: {panic}");
                Poll::Ready(Some(Err(CallError::panic(panic))))
            }
        }
    }

    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Result<ActionResponse, CallError>> {
        let Some(broken) = &mut self.broken else {
            return Poll::Pending;
        };
        match pin!(&mut *broken).poll(cx) {
            Poll::Ready(Ok(Broken::Off(error))) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(Broken::Unreadable(failure))) => Poll::Ready(Ok(refusal(failure))),
            // The handler is done with its input.
            Poll::Ready(Err(_)) => {
                self.broken = None;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let handler = self.handler.take();
        let _logged = self.span.enter();
        if let Err(panic) = catch(|| drop(handler)) {
            let (action, call) = self.names;
            tracing::error!(action, call, "dropping a call's handler panicked: {panic}");
        }
    }
}

/// Room for one response between a handler and whoever takes its responses.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot(Arc<Mutex<Option<ActionResponse>>>);

impl Slot {
    /// Leaves a response there, and waits until it is taken.
    ///
    /// No waker is kept, and nothing is looked at: the one that takes it, at once, polls the handler again for the next.
    async fn put(&self, response: ActionResponse) {
        *self.lock() = Some(response);
        let mut is_there = true;
        future::poll_fn(|_| match mem::take(&mut is_there) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }

    fn take(&self) -> Option<ActionResponse> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ActionResponse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the one reply of a handler of `R`.
#[derive(Debug)]
pub struct OneAnswer<R>(PhantomData<fn() -> R>);

impl<R: Rpc> OneAnswer<R> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }

    /// What the handler returned, as it travels.
    pub fn answer<T: IntoReply<R>>(self, reply: T) -> Ready<ActionResponse> {
        future::ready(response(reply))
    }
}

/// Takes the stream of replies of a handler of `R`.
#[derive(Debug)]
pub struct ManyAnswers<R> {
    slot: Slot,
    rpc: PhantomData<fn() -> R>,
}

impl<R: Rpc> ManyAnswers<R> {
    pub(super) fn new(slot: Slot) -> Self {
        Self {
            slot,
            rpc: PhantomData,
        }
    }

    /// Hands on what the handler returned, one reply at a time.
    ///
    /// Boxed, so that the compiler has one thing to say about a type that is no stream of replies.
    pub fn answer<'a, K, T: Replies<R, K>>(self, replies: T) -> BoxFuture<'a, ()>
    where
        T::Stream: 'a,
    {
        match replies.into_replies() {
            Ok(replies) => Box::pin(async move {
                let mut responses = pin!(replies.map(response::<R, _>));
                while let Some(response) = responses.next().await {
                    self.slot.put(response).await;
                }
            }),
            Err(failure) => Box::pin(async move { self.slot.put(refusal(failure)).await }),
        }
    }
}

/// A type that a handler of an rpc with a stream of responses can return.
///
/// `K` only tells the implementations apart: a stream, and a `Result` of a stream.
#[diagnostic::on_unimplemented(
    message = "a handler of `{R}` cannot return `{Self}`",
    label = "not a stream of replies of this rpc",
    note = "the responses of this rpc stream: return `impl Stream<Item = T>`, or `Result<impl Stream<Item = T>, Failure>`, \
            where `T` is the rpc's response message, a `Reply` of it, a `Forward` or a `Result` of one of these"
)]
pub trait Replies<R: Rpc, K> {
    /// The stream.
    type Stream: Stream<Item: IntoReply<R>> + Send;

    /// The stream, or why there is none.
    ///
    /// # Errors
    /// The handler refused the call.
    fn into_replies(self) -> Result<Self::Stream, Failure>;
}

/// Returned as it is.
#[derive(Debug)]
pub enum Plain {}

/// Returned in a `Result`.
#[derive(Debug)]
pub enum Fallible {}

#[diagnostic::do_not_recommend]
impl<R: Rpc, S: Stream<Item: IntoReply<R>> + Send> Replies<R, Plain> for S {
    type Stream = S;

    fn into_replies(self) -> Result<S, Failure> {
        Ok(self)
    }
}

impl<R: Rpc, S: Stream<Item: IntoReply<R>> + Send, E: Into<Failure>> Replies<R, Fallible>
    for Result<S, E>
{
    type Stream = S;

    fn into_replies(self) -> Result<S, Failure> {
        self.map_err(Into::into)
    }
}

fn response<R: Rpc, T: IntoReply<R>>(reply: T) -> ActionResponse {
    let reply = reply.into_reply();
    let response = match reply.action {
        Action::Message(message) => Some(Response::Reply(wire::Reply {
            payload: Some(response_payload::<R>(&message)),
            metadata: reply.metadata.into_wire(),
        })),
        Action::Forward(forward) => Some(Response::Forward(forward)),
        Action::Failure(failure) => Some(Response::Failure(wire_failure(failure))),
        Action::None(_) => None,
    };
    ActionResponse {
        response,
        side_effects: reply.effects,
    }
}

fn refusal(failure: Failure) -> ActionResponse {
    ActionResponse {
        response: Some(Response::Failure(wire_failure(failure))),
        side_effects: Vec::new(),
    }
}

fn wire_failure(failure: Failure) -> wire::Failure {
    wire::Failure {
        command_id: 0,
        description: failure.into_description(),
        restart: false,
    }
}
