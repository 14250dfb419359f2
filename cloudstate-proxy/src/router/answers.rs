//! Responses that are streams: outcome after outcome, each with what follows from it, as fast as the caller takes them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use cloudstate_protocol::cloudstate::{Reply, SideEffect, client_action::Action};
use futures_util::{
    FutureExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::{Host, Publisher, Router};
use crate::{
    call::{Answer, Call, CallError, Outcome, StreamedCall},
    catalog::{Method, Shape},
    trace::Trace,
};

/// What a caller receives, one after the other; `None` is an outcome without a message. It ends behind the first error.
///
/// Dropping it cancels the call.
pub type Answers = BoxStream<'static, Result<Option<Answer>, CallError>>;

/// A response on its way.
///
/// Written by hand: as an `async` block it was moved in and out of its own future with each message. With the same change in
/// the front-end a message costs 560 instructions of 3,690 less.
struct Flow {
    router: Router,
    method: Arc<Method>,
    outcomes: BoxStream<'static, Result<Outcome, CallError>>,
    /// The response of the method that the last outcome was forwarded to.
    forwarded: Option<Answers>,
    publisher: Publisher,
    /// What has to be done before the next answer may leave. Most have nothing to wait for.
    first: Option<BoxFuture<'static, Result<Next, CallError>>>,
    depth: usize,
    trace: Trace,
    ended: bool,
}

/// What the flow goes on with.
enum Next {
    /// With what an outcome says.
    Act(Option<Action>),
    /// With an answer of the method that it was forwarded to.
    Answer(Option<Answer>),
}

impl Router {
    /// Handles a call of any shape that has one message.
    pub fn answers(&self, call: Call) -> Answers {
        self.follow_answers(call.entering(), 0)
    }

    /// Handles a call of a method that takes a stream of messages.
    pub fn answers_to_stream(&self, call: StreamedCall) -> Answers {
        let method = Arc::clone(&call.method);
        let publisher = Publisher::new(method.topic.as_ref(), &method, self);
        let trace = call.trace.clone();
        let outcomes = self.outcomes_of_stream(call);
        self.flow(method, outcomes, publisher, 0, trace)
    }

    pub(super) fn follow_answers(&self, call: Call, depth: usize) -> Answers {
        let method = Arc::clone(&call.method);
        let (publisher, trace) = (Publisher::of(&call, self), call.trace.clone());
        let outcomes = self.outcomes(call);
        self.flow(method, outcomes, publisher, depth, trace)
    }

    fn flow(
        &self,
        method: Arc<Method>,
        outcomes: BoxStream<'static, Result<Outcome, CallError>>,
        publisher: Publisher,
        depth: usize,
        trace: Trace,
    ) -> Answers {
        let flow = Flow {
            router: self.clone(),
            method,
            outcomes,
            forwarded: None,
            publisher,
            first: None,
            depth,
            trace,
            ended: false,
        };
        flow.boxed()
    }

    fn outcomes(&self, call: Call) -> BoxStream<'static, Result<Outcome, CallError>> {
        if let Host::Actions(actions) = self.host(&call.method) {
            match call.method.shape {
                Shape::StreamedOut => return actions.streamed_out(call),
                Shape::Streamed => return actions.streamed(call.into()),
                Shape::Unary | Shape::StreamedIn => {}
            }
        }
        let router = self.clone();
        async move { router.invoke(call).await }
            .into_stream()
            .boxed()
    }

    fn outcomes_of_stream(
        &self,
        call: StreamedCall,
    ) -> BoxStream<'static, Result<Outcome, CallError>> {
        match (self.host(&call.method), call.method.shape) {
            (Host::Actions(actions), Shape::Streamed) => actions.streamed(call),
            (Host::Actions(actions), Shape::StreamedIn) => {
                let actions = Arc::clone(actions);
                async move { actions.streamed_in(call).await }
                    .into_stream()
                    .boxed()
            }
            (Host::Refused(error), _) => stream::iter([Err(error.clone())]).boxed(),
            _ => {
                let Method {
                    service_name, name, ..
                } = &*call.method;
                let text = format!("{service_name}/{name} does not take a stream of messages");
                stream::iter([Err(CallError::new(Code::Internal, text))]).boxed()
            }
        }
    }
}

impl Stream for Flow {
    type Item = Result<Option<Answer>, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let answer = ready!(this.poll_answer(cx));
        this.ended = !matches!(answer, Some(Ok(_)));
        Poll::Ready(answer)
    }
}

impl Flow {
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Option<Answer>, CallError>>> {
        loop {
            let next = match ready!(self.poll_step(cx)) {
                Some(Ok(next)) => next,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            };
            let answer = match next {
                Next::Answer(answer) => Ok(answer),
                Next::Act(None) => Ok(None),
                Next::Act(Some(Action::Reply(reply))) => {
                    self.router.answer(&self.method, reply).map(Some)
                }
                Next::Act(Some(Action::Forward(forward))) => {
                    self.publisher.forwarded();
                    let depth = self.depth + 1;
                    match self
                        .router
                        .forward(&self.method, forward, depth, &self.trace)
                    {
                        Ok(call) => {
                            self.forwarded = Some(self.router.follow_answers(call, depth));
                            continue;
                        }
                        Err(error) => Err(error),
                    }
                }
                Next::Act(Some(Action::Failure(failure))) => {
                    Err(CallError::refused(failure.description))
                }
            };
            return Poll::Ready(Some(answer));
        }
    }

    /// What comes next, once everything that has to be done before it has been done.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Next, CallError>>> {
        loop {
            if let Some(first) = &mut self.first {
                let next = ready!(first.poll_unpin(cx));
                self.first = None;
                return Poll::Ready(Some(next));
            }
            if let Some(forwarded) = &mut self.forwarded {
                match ready!(forwarded.poll_next_unpin(cx)) {
                    Some(Ok(Some(answer))) if self.publisher.is_due() => {
                        let reply = answer.to_reply(&self.method);
                        self.first = Some(self.publish(reply, Next::Answer(Some(answer))));
                        continue;
                    }
                    Some(answer) => return Poll::Ready(Some(answer.map(Next::Answer))),
                    None => self.forwarded = None,
                }
            }
            let Some(outcome) = ready!(self.outcomes.poll_next_unpin(cx)) else {
                return Poll::Ready(None);
            };
            let Outcome {
                action,
                effects,
                more,
            } = match outcome {
                Ok(outcome) => outcome,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            if let Some(more) = more {
                self.outcomes = ReceiverStream::new(more).boxed();
            }
            let publishes = matches!(action, Some(Action::Reply(_))) && self.publisher.is_due();
            if effects.is_empty() && !publishes {
                return Poll::Ready(Some(Ok(Next::Act(action))));
            }
            self.first = Some(self.follow(action, effects));
        }
    }

    /// Publishes a reply before the flow goes on.
    fn publish(&self, reply: Reply, next: Next) -> BoxFuture<'static, Result<Next, CallError>> {
        let (router, publisher) = (self.router.clone(), self.publisher.clone());
        async move {
            publisher.publish(&router, &reply).await?;
            Ok(next)
        }
        .boxed()
    }

    /// Carries out what comes with an outcome before the flow goes on.
    fn follow(
        &self,
        action: Option<Action>,
        effects: Vec<SideEffect>,
    ) -> BoxFuture<'static, Result<Next, CallError>> {
        let (router, publisher) = (self.router.clone(), self.publisher.clone());
        let (method, trace) = (Arc::clone(&self.method), self.trace.clone());
        let depth = self.depth + 1;
        async move {
            if !effects.is_empty() {
                router.effects(method, effects, depth, &trace).await;
            }
            if let Some(Action::Reply(reply)) = &action {
                publisher.publish(&router, reply).await?;
            }
            Ok(Next::Act(action))
        }
        .boxed()
    }
}
