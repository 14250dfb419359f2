//! Unary calls as nearly all of them are: one message, uncompressed and in one piece, and one back.
//!
//! They need nothing of what tonic has for all others: buffers of 8 KB each way, and three boxes around each body. What
//! turns out to be something else is handed on to it as if nobody had looked.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;
use tonic::{Status, body::Body};

use crate::{
    call::Answer,
    frontend::{InProgress, metadata},
    metrics::Metrics,
};

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// An empty message.
const EMPTY: &[u8] = &[0; PREFIX];

/// The message of a request, or the body to be read in the other way.
pub(super) enum Arrived<B: http_body::Body> {
    Message(Bytes),
    Other(Unread<B>),
}

/// Whether a request's headers say nothing of compression, as far as it matters.
pub(super) fn is_plain(headers: &HeaderMap, compresses: bool) -> bool {
    let may_be_compressed = compresses && headers.contains_key("grpc-accept-encoding");
    !may_be_compressed && !headers.contains_key("grpc-encoding")
}

/// Reads a request, which may take as long as `within`; it is [`late`](super::request::late) otherwise.
pub(super) async fn read<B>(
    mut body: B,
    limit: usize,
    within: Duration,
    metrics: &Metrics,
) -> Result<Arrived<B>, Status>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut read = VecDeque::new();
    {
        let mut reading = pin!(read_one(&mut body, &mut read));
        // Most often it is all there, and a timer need not be thought of.
        let done = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_ready())).await;
        if !done {
            let reading = timeout(within, reading);
            let in_time = reading.await;
            in_time.map_err(|_| super::request::late(within, metrics))?;
        }
    }
    Ok(match only_message(&read, limit) {
        Some(message) => Arrived::Message(message),
        None => Arrived::Other(Unread { read, rest: body }),
    })
}

/// Reads until the end of the body, or until there is more than one piece.
async fn read_one<B>(body: &mut B, read: &mut VecDeque<Result<Frame<Bytes>, B::Error>>)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut pieces = 0;
    while pieces < 2 && !body.is_end_stream() {
        let Some(frame) = body.frame().await else {
            return;
        };
        let is_last = match &frame {
            Ok(frame) => frame.is_trailers(),
            Err(_) => true,
        };
        match frame {
            // The end of an HTTP/2 stream may have a frame of its own.
            Ok(frame) if frame.data_ref().is_some_and(Bytes::is_empty) => {}
            frame => {
                pieces += 1;
                read.push_back(frame);
            }
        }
        if is_last {
            return;
        }
    }
}

/// The message, if it is all that there is, as it should be.
fn only_message<E>(read: &VecDeque<Result<Frame<Bytes>, E>>, limit: usize) -> Option<Bytes> {
    let frames = read.as_slices().0;
    let piece = match frames {
        [Ok(piece)] => piece.data_ref()?,
        [Ok(piece), Ok(last)] if last.is_trailers() => piece.data_ref()?,
        _ => return None,
    };
    let (mut prefix, length) = (piece.get(..PREFIX)?, piece.len() - PREFIX);
    let is_whole = prefix.get_u8() == 0 && usize::try_from(prefix.get_u32()) == Ok(length);
    (is_whole && length <= limit).then(|| piece.slice(PREFIX..))
}

/// A body of which something has been read already.
pub(super) struct Unread<B: http_body::Body> {
    read: VecDeque<Result<Frame<Bytes>, B::Error>>,
    rest: B,
}

impl<B: http_body::Body> Unread<B> {
    /// One of which nothing has been read.
    pub(super) fn whole(body: B) -> Self {
        Self {
            read: VecDeque::new(),
            rest: body,
        }
    }
}

/// Nothing in it is pinned but the body, which need not be.
impl<B: http_body::Body + Unpin> Unpin for Unread<B> {}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Unread<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }
}

/// The response of a call that has been answered.
pub(super) fn respond(answer: Answer, in_progress: Option<InProgress>) -> Response<Body> {
    let mut response = Response::new(Body::new(Answered {
        message: Some(framed(&answer.payload)),
        ended: false,
        _in_progress: in_progress,
    }));
    let headers = response.headers_mut();
    if let Some(metadata) = answer.metadata {
        metadata::into_headers(metadata, headers);
    }
    let grpc = HeaderValue::from_static("application/grpc");
    headers.insert(CONTENT_TYPE, grpc);
    response
}

fn framed(message: &Bytes) -> Bytes {
    if message.is_empty() {
        return Bytes::from_static(EMPTY);
    }
    // As tonic has it: what is longer than a prefix can say cannot be sent, and an entity's reply never is.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(length);
    framed.put_slice(message);
    framed.freeze()
}

/// One message and the status that all is well.
struct Answered {
    message: Option<Bytes>,
    ended: bool,
    /// Counts the request until this has been handed over.
    _in_progress: Option<InProgress>,
}

impl http_body::Body for Answered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(None);
        }
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
