//! Responses that are streams: a line of JSON per message, server-sent events, or the raw bytes of `google.api.HttpBody`.

use std::{future::poll_fn, io, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, future::ready, stream};
use http::{
    HeaderMap, HeaderValue, Response,
    header::{ACCEPT, CACHE_CONTROL},
};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::{sleep, timeout};
use tonic::{Code, body::Body};

use super::{
    error::{HttpError, describe},
    render, set_headers,
};
use crate::{
    call::{Answer, Call, CallError},
    frontend::{Frontend, InProgress, LastMessage},
    router::Answers,
    trace::Trace,
    transcoding::Renderer,
};

/// A comment among server-sent events, which clients ignore.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// How messages follow each other in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Each is a line of JSON.
    Lines,
    /// Each is an event whose data is JSON.
    Events,
    /// Each is a piece of the body.
    Raw,
}

/// A response on its way.
struct Responding {
    answers: Answers,
    renderer: Renderer,
    framing: Framing,
    frontend: Arc<Frontend>,
    last_message: LastMessage,
    /// Counts the request until its last message has been handed over.
    in_progress: Option<InProgress>,
    trace: Trace,
}

/// Answers a call of a method that streams out.
///
/// The head of the response waits a while for the first outcome, whose metadata is in it and whose failure is its status.
/// That of a raw body, whose content type is the first message's, waits for as long as it takes.
pub(super) async fn answer(
    frontend: &Arc<Frontend>,
    headers: &HeaderMap,
    renderer: Renderer,
    call: Call,
    in_progress: &mut Option<InProgress>,
) -> Result<Response<Body>, HttpError> {
    let framing = Framing::of(&renderer, headers);
    let mut responding = Responding {
        trace: call.trace.clone(),
        answers: frontend.router.answers(call),
        renderer,
        framing,
        frontend: Arc::clone(frontend),
        last_message: frontend.last_message(),
        in_progress: in_progress.take(),
    };
    let (mut content_type, mut metadata, mut first) = (framing.content_type(), None, None);
    let outcome = match framing {
        Framing::Raw => responding.next().await,
        Framing::Lines | Framing::Events => {
            match timeout(frontend.web.stream_head_wait, responding.next()).await {
                Ok(outcome) => outcome,
                // As if it had come without a message: what follows is in the body.
                Err(_) => Some(Ok(None)),
            }
        }
    };
    if let Some(answer) = outcome.transpose()?.flatten() {
        let rendered = render(&responding.renderer, &answer.payload, &responding.trace)?;
        if framing == Framing::Raw {
            content_type = rendered.content_type;
        }
        metadata = answer.metadata;
        first = Some(Ok(framing.message(rendered.body)));
    }
    let rest = stream::unfold(Some(responding), |responding| async {
        let mut responding = responding?;
        match responding.next_piece().await? {
            Ok(piece) => Some((piece.map(Ok), Some(responding))),
            Err(error) => Some((Some(responding.framing.error(&error)), None)),
        }
    });
    let pieces = stream::iter(first).chain(rest.filter_map(ready));
    let body = StreamBody::new(pieces.map(|piece| piece.map(Frame::data)));
    let mut response = Response::new(Body::new(body));
    set_headers(&mut response, content_type, metadata);
    if framing == Framing::Events {
        let no_cache = HeaderValue::from_static("no-cache");
        response.headers_mut().insert(CACHE_CONTROL, no_cache);
    }
    Ok(response)
}

impl Responding {
    async fn next(&mut self) -> Option<Result<Option<Answer>, CallError>> {
        let next = tokio::select! {
            biased;
            answer = self.answers.next() => answer,
            error = poll_fn(|cx| self.last_message.poll(cx)) => Some(Err(error)),
        };
        self.last_message.has_come();
        if let Some(InProgress { meter, .. }) = &mut self.in_progress {
            match &next {
                Some(Ok(_)) => {}
                Some(Err(error)) => meter.answered(error.code()),
                None => meter.answered(Code::Ok),
            }
        }
        next
    }

    /// The next message as it stands in the body, or a sign of life.
    async fn next_piece(&mut self) -> Option<Result<Option<Bytes>, CallError>> {
        let silence = self.frontend.web.sse_keep_alive;
        let answer = match self.framing {
            Framing::Lines | Framing::Raw => self.next().await?,
            Framing::Events => tokio::select! {
                biased;
                answer = self.next() => answer?,
                () = sleep(silence) => return Some(Ok(Some(Bytes::from_static(KEEP_ALIVE)))),
            },
        };
        let piece = |answer: Answer| {
            let rendered = render(&self.renderer, &answer.payload, &self.trace)?;
            Ok(self.framing.message(rendered.body))
        };
        Some(answer.and_then(|answer| answer.map(piece).transpose()))
    }
}

impl Framing {
    fn of(renderer: &Renderer, headers: &HeaderMap) -> Self {
        let accepted = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let is_events = |range: &str| {
            let range = range.split(';').next().unwrap_or(range);
            range.trim().eq_ignore_ascii_case("text/event-stream")
        };
        if renderer.is_raw() {
            Self::Raw
        } else if accepted.into_iter().any(is_events) {
            Self::Events
        } else {
            Self::Lines
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Lines => "application/json",
            Self::Events => "text/event-stream",
            Self::Raw => "application/octet-stream",
        })
    }

    fn message(self, body: Bytes) -> Bytes {
        let (before, after) = match self {
            Self::Lines => ("", "\n"),
            Self::Events => ("data: ", "\n\n"),
            Self::Raw => return body,
        };
        let mut piece = BytesMut::with_capacity(before.len() + body.len() + after.len());
        piece.put_slice(before.as_bytes());
        piece.put(body);
        piece.put_slice(after.as_bytes());
        piece.freeze()
    }

    /// The last piece of a stream that fails: the status has gone out, so the body says it. A raw body cannot, and is
    /// broken off.
    fn error(self, error: &CallError) -> io::Result<Bytes> {
        let described = describe(error.code(), error.message());
        Ok(match self {
            Self::Lines => format!("{}\n", serde_json::json!({ "error": described })),
            Self::Events => format!("event: error\ndata: {described}\n\n"),
            Self::Raw => return Err(io::Error::other(error.to_string())),
        }
        .into())
    }
}
