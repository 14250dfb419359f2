//! What a client receives: one message, or a stream of them that ends in good order or with a status.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::Metadata;
use futures_util::{
    Stream, StreamExt,
    future::{pending, ready},
    stream::{self, BoxStream},
};
use http_body_util::BodyExt;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};
use tonic::{Code, Response, Status, body::Body};

use crate::{
    call::Answer,
    frontend::{Frontend, InProgress, metadata},
    router::Answers,
};

/// The messages of a response.
pub(super) enum Responses {
    One {
        message: Option<Bytes>,
        /// Counts the request until this has been handed over.
        _in_progress: Option<InProgress>,
    },
    Many(BoxStream<'static, Result<Bytes, Status>>),
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
    pub(super) answers: Answers,
    /// Says what is wrong with a message of the client.
    pub(super) refused: Option<oneshot::Receiver<Status>>,
    pub(super) deadline: Option<Instant>,
    pub(super) frontend: Arc<Frontend>,
    pub(super) in_progress: Option<InProgress>,
}

impl Responding {
    /// A response of one message: the first.
    pub(super) async fn only(mut self) -> Result<Response<Responses>, Status> {
        let answer = self.next().await.transpose()?.flatten();
        Ok(one(answer.ok_or_else(no_message)?, self.in_progress))
    }

    /// A response of all messages. Its headers wait a while for the first outcome, whose metadata is among them; that of
    /// a later one comes with the trailers.
    pub(super) async fn many(mut self) -> Result<Response<Responses>, Status> {
        let Ok(first) = timeout(self.frontend.web.stream_head_wait, self.next()).await else {
            let late = LateMetadata::default();
            let mut response = Response::new(Responses::Many(self.rest(Some(late.clone()))));
            response.extensions_mut().insert(late);
            return Ok(response);
        };
        let first = first.transpose()?.flatten();
        let (metadata, first) = first.map_or_else(Default::default, |first| {
            (first.metadata, Some(first.payload))
        });
        let messages = stream::iter(first.map(Ok)).chain(self.rest(None)).boxed();
        Ok(respond(metadata, Responses::Many(messages)))
    }

    /// The messages from here on. The first metadata among them is kept in `late`.
    fn rest(self, late: Option<LateMetadata>) -> BoxStream<'static, Result<Bytes, Status>> {
        let answers = stream::unfold(Some(self), |responding| async {
            let mut responding = responding?;
            match responding.next().await? {
                Ok(answer) => Some((Ok(answer), Some(responding))),
                Err(status) => Some((Err(status), None)),
            }
        });
        let payload = move |answer: Answer| {
            if let (Some(LateMetadata(late)), Some(metadata)) = (&late, answer.metadata) {
                // There is one set of trailers: further metadata is dropped, as it is behind a head that was in time.
                let _ = late.set(metadata);
            }
            answer.payload
        };
        let payloads = answers
            .filter_map(move |answer| ready(answer.map(|answer| answer.map(&payload)).transpose()));
        payloads.boxed()
    }

    async fn next(&mut self) -> Option<Result<Option<Answer>, Status>> {
        let next = self.wait_for_next().await;
        if let Some(in_progress) = &mut self.in_progress {
            match &next {
                Some(Ok(_)) => {}
                Some(Err(status)) => in_progress.meter.answered(status.code()),
                None => in_progress.meter.answered(Code::Ok),
            }
        }
        next
    }

    async fn wait_for_next(&mut self) -> Option<Result<Option<Answer>, Status>> {
        tokio::select! {
            biased;
            status = refusal(&mut self.refused) => Some(Err(status)),
            answer = self.answers.next() => answer.map(|answer| answer.map_err(Status::from)),
            () = passed(self.deadline) => Some(Err(deadline_exceeded())),
            error = self.frontend.stopped() => Some(Err(error.into())),
        }
    }
}

async fn refusal(refused: &mut Option<oneshot::Receiver<Status>>) -> Status {
    if let Some(receiver) = refused {
        match receiver.await {
            Ok(status) => return status,
            // The client has sent everything.
            Err(_) => *refused = None,
        }
    }
    pending().await
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

fn respond(metadata: Option<Metadata>, messages: Responses) -> Response<Responses> {
    let mut response = Response::new(messages);
    if let Some(metadata) = metadata {
        metadata::into_headers(metadata, response.metadata_mut().as_mut());
    }
    response
}
