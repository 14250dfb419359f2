//! Responses that are streams: outcome after outcome, each with what follows from it, as fast as the caller takes them.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::client_action::Action;
use futures_util::{
    FutureExt, StreamExt,
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
struct Flow {
    router: Router,
    method: Arc<Method>,
    outcomes: BoxStream<'static, Result<Outcome, CallError>>,
    /// The response of the method that the last outcome was forwarded to.
    forwarded: Option<Answers>,
    publisher: Publisher,
    depth: usize,
    trace: Trace,
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
            depth,
            trace,
        };
        stream::try_unfold(flow, Flow::next).boxed()
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

impl Flow {
    async fn next(mut self) -> Result<Option<(Option<Answer>, Self)>, CallError> {
        loop {
            if let Some(forwarded) = &mut self.forwarded {
                if let Some(answer) = forwarded.next().await {
                    let answer = answer?;
                    if let Some(answer) = &answer {
                        let reply = answer.to_reply(&self.method);
                        self.publisher.publish(&self.router, &reply).await?;
                    }
                    return Ok(Some((answer, self)));
                }
                self.forwarded = None;
            }
            let Some(outcome) = self.outcomes.next().await else {
                return Ok(None);
            };
            let Outcome {
                action,
                effects,
                more,
            } = outcome?;
            if let Some(more) = more {
                self.outcomes = ReceiverStream::new(more).boxed();
            }
            if !effects.is_empty() {
                let method = Arc::clone(&self.method);
                self.router
                    .effects(method, effects, self.depth + 1, &self.trace)
                    .await;
            }
            match action {
                Some(Action::Reply(reply)) => {
                    self.publisher.publish(&self.router, &reply).await?;
                    let answer = self.router.answer(&self.method, reply)?;
                    return Ok(Some((Some(answer), self)));
                }
                Some(Action::Forward(forward)) => {
                    self.publisher.forwarded();
                    let depth = self.depth + 1;
                    let call = self
                        .router
                        .forward(&self.method, forward, depth, &self.trace)?;
                    self.forwarded = Some(self.router.follow_answers(call, depth));
                }
                Some(Action::Failure(failure)) => {
                    return Err(CallError::refused(failure.description));
                }
                None => return Ok(Some((None, self))),
            }
        }
    }
}
