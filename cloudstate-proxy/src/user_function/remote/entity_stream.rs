//! The stream of one live entity, on HTTP/2 itself.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, Sink, Stream};
use h2::{
    Reason, RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use prost::Message;
use tonic::{Code, Status};

use super::{
    connections::lost,
    framing::{self, Received},
};
use crate::user_function::{Duplex, UserFunctionError};

/// By this header of its response a user function says how many commands it may be given on the stream at a time.
const COMMANDS_AHEAD: &str = "cloudstate-commands-ahead";
/// As many at most, whatever it says.
const MOST_AHEAD: usize = 256;

/// Bytes that may be said before it matters whether the other side takes them: a command for an entity that keeps up
/// costs HTTP/2 nothing but to take it.
const UNMINDED: usize = 16 * 1024;
/// Bytes that have been heard before the other side is told so. A million streams may hold back as much each without
/// taking all of the connection's window.
const UNTOLD: usize = 1024;

/// One bidirectional call.
pub(super) struct EntityStream<Out> {
    outgoing: SendStream<Bytes>,
    /// What has been said and not been flushed.
    waiting: BytesMut,
    /// Bytes given to HTTP/2 since it was known that there is room for more.
    unminded: usize,
    closed: bool,
    incoming: Incoming,
    received: Received<Out>,
    /// Bytes heard of which the other side has not been told.
    untold: usize,
    commands_ahead: usize,
}

/// Many gRPC servers send no response headers before their first message.
enum Incoming {
    Opening(ResponseFuture),
    Open(RecvStream),
    Over,
}

/// Opens a call of the rpc at this address.
pub(super) fn open<Out: Message + Default>(
    mut connection: SendRequest<Bytes>,
    rpc: Uri,
    max_message_size: usize,
) -> Result<EntityStream<Out>, UserFunctionError> {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = rpc;
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let grpc = HeaderValue::from_static("application/grpc");
    headers.insert(header::CONTENT_TYPE, grpc);
    let agent = concat!("cloudstate-proxy/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    let (response, outgoing) = connection
        .send_request(request, false)
        .map_err(|error| lost(&error))?;
    Ok(EntityStream {
        outgoing,
        waiting: BytesMut::new(),
        unminded: 0,
        closed: false,
        incoming: Incoming::Opening(response),
        received: Received::new(max_message_size),
        untold: 0,
        commands_ahead: 1,
    })
}

/// Nothing in it is pinned.
impl<Out> Unpin for EntityStream<Out> {}

impl<Out> EntityStream<Out> {
    fn send_waiting(&mut self) -> Result<(), UserFunctionError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        // Taken whole: an idle stream keeps no buffer.
        let bytes = std::mem::take(&mut self.waiting).freeze();
        self.unminded += bytes.len();
        self.outgoing.send_data(bytes, false).map_err(|_| ended())
    }

    /// Bytes that the response consists of, as they arrive; `None` at its good end.
    fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UserFunctionError>>> {
        loop {
            match &mut self.incoming {
                Incoming::Opening(response) => {
                    let response = ready!(response.poll_unpin(cx)).map_err(|error| broken(&error));
                    let (head, body) = response?.into_parts();
                    if head.status != StatusCode::OK {
                        return Poll::Ready(Some(Err(UserFunctionError::new(format!(
                            "the user function answered with HTTP status {}",
                            head.status
                        )))));
                    }
                    outcome(&head.headers)?;
                    self.commands_ahead = commands_ahead(&head.headers);
                    self.incoming = Incoming::Open(body);
                }
                Incoming::Open(body) => {
                    if let Some(arrived) = ready!(body.poll_data(cx)) {
                        let arrived = arrived.map_err(|error| broken(&error))?;
                        self.untold += arrived.len();
                        if self.untold >= UNTOLD {
                            let told = body.flow_control().release_capacity(self.untold);
                            told.map_err(|error| broken(&error))?;
                            self.untold = 0;
                        }
                        return Poll::Ready(Some(Ok(arrived)));
                    }
                    let trailers = ready!(body.poll_trailers(cx)).map_err(|error| broken(&error));
                    outcome(&trailers?.unwrap_or_default())?;
                    return Poll::Ready(None);
                }
                Incoming::Over => return Poll::Ready(None),
            }
        }
    }
}

impl<In: Message, Out> Sink<In> for EntityStream<Out> {
    type Error = UserFunctionError;

    /// Whether the other side keeps up. What it is told then is taken whole.
    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        let this = &mut *self;
        if this.waiting.len() + this.unminded < UNMINDED {
            return Poll::Ready(Ok(()));
        }
        this.send_waiting()?;
        this.outgoing.reserve_capacity(1);
        while this.outgoing.capacity() == 0 {
            match ready!(this.outgoing.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(&error))),
                None => return Poll::Ready(Err(ended())),
            }
        }
        // An idle stream has nothing of the connection's window.
        this.outgoing.reserve_capacity(0);
        this.unminded = 0;
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: In) -> Result<(), UserFunctionError> {
        framing::encode(&message, &mut self.waiting);
        Ok(())
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        Poll::Ready(self.send_waiting())
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        self.send_waiting()?;
        self.closed = true;
        let closed = self.outgoing.send_data(Bytes::new(), true);
        Poll::Ready(closed.map_err(|_| ended()))
    }
}

impl<Out: Message + Default> Stream for EntityStream<Out> {
    type Item = Result<Out, UserFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let end = loop {
            match this.received.next() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => break Some(Err(error)),
            }
            match ready!(this.poll_bytes(cx)) {
                Some(Ok(arrived)) => this.received.push(&arrived),
                Some(Err(error)) => break Some(Err(error)),
                None => break None,
            }
        };
        this.incoming = Incoming::Over;
        this.received.clear();
        Poll::Ready(end)
    }
}

impl<In: Message, Out: Message + Default + 'static> Duplex<In, Out> for EntityStream<Out> {
    fn commands_ahead(&self) -> usize {
        self.commands_ahead
    }
}

fn commands_ahead(headers: &HeaderMap) -> usize {
    headers
        .get(COMMANDS_AHEAD)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(1)
        .clamp(1, MOST_AHEAD)
}

/// What the end of a call says, where there is one among these headers.
fn outcome(headers: &HeaderMap) -> Result<(), UserFunctionError> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(UserFunctionError::new(format!(
            "{:?}: {}",
            status.code(),
            status.message()
        ))),
        _ => Ok(()),
    }
}

fn ended() -> UserFunctionError {
    UserFunctionError::new("the user function ended the stream")
}

/// Why a stream broke off: alone, or with its connection.
fn broken(error: &h2::Error) -> UserFunctionError {
    if error.is_reset() && error.reason() != Some(Reason::REFUSED_STREAM) {
        UserFunctionError::new(format!("the user function broke the stream off: {error}"))
    } else {
        lost(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_ahead_only_where_that_is_said() {
        let said = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            commands_ahead(&HeaderMap::from_iter([(
                http::HeaderName::from_static(COMMANDS_AHEAD),
                value,
            )]))
        };
        assert_eq!(commands_ahead(&HeaderMap::new()), 1);
        assert_eq!((said("64"), said("1"), said("0")), (64, 1, 1));
        assert_eq!((said("many"), said("-3"), said("")), (1, 1, 1));
        assert_eq!(said("1000000"), MOST_AHEAD);
    }
}
