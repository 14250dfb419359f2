//! What a client receives: one message, or a stream of them that ends in good order or with a status.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::Metadata;
use futures_util::{FutureExt, Stream, StreamExt};
use http_body_util::BodyExt;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tonic::{Code, Response, Status, body::Body};

use crate::{
    call::Answer,
    frontend::{InProgress, LastMessage, metadata},
    router::Answers,
};

/// The messages of a response.
pub(super) enum Responses {
    One {
        message: Option<Bytes>,
        /// Counts the request until this has been handed over.
        _in_progress: Option<InProgress>,
    },
    Many(Box<Responding>),
}

impl Stream for Responses {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::One { message, .. } => Poll::Ready(message.take().map(Ok)),
            Self::Many(messages) => messages.poll_next_unpin(cx),
        }
    }
}

/// The metadata of a first message that came after the head of the response had left.
#[derive(Clone, Debug, Default)]
pub(super) struct LateMetadata(Arc<OnceLock<Metadata>>);

impl LateMetadata {
    /// Lets it leave with the trailers, where a response has any of it.
    pub(super) fn follow(mut response: http::Response<Body>) -> http::Response<Body> {
        let Some(Self(late)) = response.extensions_mut().remove() else {
            return response;
        };
        response.map(|body| {
            Body::new(body.map_frame(move |mut frame| {
                if let (Some(trailers), Some(metadata)) = (frame.trailers_mut(), late.get()) {
                    metadata::into_headers(metadata.clone(), trailers);
                }
                frame
            }))
        })
    }
}

/// A response of one message.
pub(super) fn one(answer: Answer, mut in_progress: Option<InProgress>) -> Response<Responses> {
    if let Some(in_progress) = &mut in_progress {
        in_progress.meter.answered(Code::Ok);
    }
    respond(
        answer.metadata,
        Responses::One {
            message: Some(answer.payload),
            _in_progress: in_progress,
        },
    )
}

pub(super) fn no_message() -> Status {
    Status::internal("the user function answered with no message")
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the call's grpc-timeout has passed")
}

/// A call whose answers come one after the other, and everything that ends it early.
pub(super) struct Responding {
    answers: Answers,
    /// Says what is wrong with a message of the client.
    refused: Option<oneshot::Receiver<Status>>,
    deadline: Option<Pin<Box<Sleep>>>,
    last_message: LastMessage,
    /// The message that the head of the response has waited for.
    first: Option<Bytes>,
    /// Where the first metadata is kept, if that is too late for the head.
    late: Option<LateMetadata>,
    ended: bool,
    in_progress: Option<InProgress>,
}

impl Responding {
    pub(super) fn new(
        answers: Answers,
        refused: Option<oneshot::Receiver<Status>>,
        deadline: Option<Instant>,
        last_message: LastMessage,
        in_progress: Option<InProgress>,
    ) -> Self {
        Self {
            answers,
            refused,
            deadline: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            last_message,
            first: None,
            late: None,
            ended: false,
            in_progress,
        }
    }

    /// A response of one message: the first.
    pub(super) async fn only(mut self) -> Result<Response<Responses>, Status> {
        let answer = self.next_answer().await.transpose()?.flatten();
        Ok(one(answer.ok_or_else(no_message)?, self.in_progress))
    }

    /// A response of all messages. Its headers wait a while for the first outcome, whose metadata is among them; that of
    /// a later one comes with the trailers.
    pub(super) async fn many(mut self, head_wait: Duration) -> Result<Response<Responses>, Status> {
        let Ok(first) = timeout(head_wait, self.next_answer()).await else {
            let late = LateMetadata::default();
            self.late = Some(late.clone());
            let mut response = Response::new(Responses::Many(Box::new(self)));
            response.extensions_mut().insert(late);
            return Ok(response);
        };
        let first = first.transpose()?.flatten();
        let (metadata, first) = first.map_or_else(Default::default, |first| {
            (first.metadata, Some(first.payload))
        });
        self.first = first;
        Ok(respond(metadata, Responses::Many(Box::new(self))))
    }

    async fn next_answer(&mut self) -> Option<Result<Option<Answer>, Status>> {
        poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Option<Answer>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let answer = ready!(self.poll_end_or_answer(cx));
        let code = match &answer {
            Some(Ok(_)) => return Poll::Ready(answer),
            Some(Err(status)) => status.code(),
            None => Code::Ok,
        };
        self.ended = true;
        if let Some(in_progress) = &mut self.in_progress {
            in_progress.meter.answered(code);
        }
        Poll::Ready(answer)
    }

    fn poll_end_or_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Option<Answer>, Status>>> {
        if let Some(refused) = &mut self.refused {
            match refused.poll_unpin(cx) {
                Poll::Ready(Ok(status)) => return Poll::Ready(Some(Err(status))),
                // The client has sent everything.
                Poll::Ready(Err(_)) => self.refused = None,
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(answer) = self.answers.poll_next_unpin(cx) {
            self.last_message.has_come();
            return Poll::Ready(answer.map(|answer| answer.map_err(Status::from)));
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(deadline_exceeded())));
        }
        let stopping = ready!(self.last_message.poll(cx));
        Poll::Ready(Some(Err(stopping.into())))
    }
}

impl Stream for Responding {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            let answer = match ready!(self.poll_answer(cx)) {
                Some(Ok(Some(answer))) => answer,
                Some(Ok(None)) => continue,
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(None),
            };
            if let (Some(LateMetadata(late)), Some(metadata)) = (&self.late, answer.metadata) {
                // There is one set of trailers: further metadata is dropped, as it is behind a head that was in time.
                let _ = late.set(metadata);
            }
            return Poll::Ready(Some(Ok(answer.payload)));
        }
    }
}

fn respond(metadata: Option<Metadata>, messages: Responses) -> Response<Responses> {
    let mut response = Response::new(messages);
    if let Some(metadata) = metadata {
        metadata::into_headers(metadata, response.metadata_mut().as_mut());
    }
    response
}
