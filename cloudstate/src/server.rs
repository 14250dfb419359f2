//! The protocol server: offers a user function to a proxy in another process.

mod action;
mod connection;

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use cloudstate_process::{Stopped, Stopping};
use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo, UserFunctionError,
    action::action_protocol_server::ActionProtocolServer,
    crdt::{
        CrdtStreamIn, CrdtStreamOut,
        crdt_server::{Crdt, CrdtServer},
    },
    entity_discovery_server::{EntityDiscovery, EntityDiscoveryServer},
    eventsourced::{
        EventSourcedStreamIn, EventSourcedStreamOut,
        event_sourced_server::{EventSourced, EventSourcedServer},
    },
    valueentity::{
        ValueEntityStreamIn, ValueEntityStreamOut,
        value_entity_server::{ValueEntity, ValueEntityServer},
    },
};
use cloudstate_transport::Acceptor;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataValue, transport::Server};

use crate::{
    Result, UserFunction,
    error::Kind,
    machine::{Flow, Machine},
};

/// Streams of one connection at one time. A proxy has one per live entity; the number keeps a broken one from taking
/// all memory, and is far above what fits in it with real state.
const STREAMS_PER_CONNECTION: u32 = 1_000_000;

/// Streams that a proxy may cancel before they were accepted, as it does when it stops many entities at once.
const PENDING_RESETS: usize = 10_000;

/// A proxy that vanished without a word is noticed after these two, and its entities leave memory. There is no idle
/// timeout: an idle proxy that answers pings stays.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes that one stream may be ahead of whoever reads it. A connection has room for thousands of such streams, which is as
/// much as HTTP/2 knows: one that a handler does not read stops no other.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// Messages that one entity takes in before the other tasks of its thread have a turn: a replay may be long.
const MESSAGES_PER_TURN: usize = 256;

/// Commands of an entity that a proxy may send before it has the reply to the first of them. Streams are handled strictly
/// in order, so that it makes no difference but to the time: one entity then shares each wake-up of the two processes
/// among many commands.
const COMMANDS_AHEAD: (&str, &str) = ("cloudstate-commands-ahead", "64");

/// How the protocol server serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest message either way, in bytes.
    pub(crate) max_message_size: usize,
    /// How long streams may take to end after the shutdown signal.
    pub(crate) drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_size: 16 << 20,
            drain: Duration::from_secs(10),
        }
    }
}

impl UserFunction {
    /// Serves proxies on a bound socket until `shutdown` resolves, with the limits that [`Settings`](crate::Settings)
    /// has by default.
    ///
    /// # Errors
    /// The socket broke. A broken connection or stream is no error: it ends alone.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let plaintext = Acceptor::plaintext();
        serve(self, listener, plaintext, Limits::default(), shutdown).await
    }
}

/// Serves until `shutdown` resolves, then ends every stream behind what it has received.
///
/// # Errors
/// The socket broke. A broken connection or stream is no error: it ends alone.
pub(crate) async fn serve(
    user_function: UserFunction,
    listener: TcpListener,
    acceptor: Acceptor,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let stop = Stopping::default();
    let service = ProtocolService {
        user_function,
        stop: stop.clone(),
    };
    let discovery = EntityDiscoveryServer::new(service.clone())
        .max_decoding_message_size(limits.max_message_size);
    let event_sourced =
        EventSourcedServer::new(service.clone()).max_decoding_message_size(limits.max_message_size);
    let crdt = CrdtServer::new(service.clone()).max_decoding_message_size(limits.max_message_size);
    let value_entity =
        ValueEntityServer::new(service.clone()).max_decoding_message_size(limits.max_message_size);
    let action =
        ActionProtocolServer::new(service).max_decoding_message_size(limits.max_message_size);
    let serving = Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .add_service(discovery)
        .add_service(event_sourced)
        .add_service(crdt)
        .add_service(value_entity)
        .add_service(action)
        .serve_with_incoming_shutdown(connection::incoming(listener, acceptor), stop.stopped());
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result.map_err(|error| Kind::Serve(error).into()),
        () = shutdown => {}
    }
    stop.stop();
    match tokio::time::timeout(limits.drain, serving).await {
        Ok(result) => result.map_err(|error| Kind::Serve(error).into()),
        Err(_) => {
            tracing::warn!(
                "connections still open {:?} after the signal are dropped",
                limits.drain
            );
            Ok(())
        }
    }
}

#[derive(Clone, Debug)]
struct ProtocolService {
    user_function: UserFunction,
    stop: Stopping,
}

#[tonic::async_trait]
impl EntityDiscovery for ProtocolService {
    async fn discover(&self, request: Request<ProxyInfo>) -> Result<Response<EntitySpec>, Status> {
        let spec = self.user_function.discover(request.get_ref());
        Ok(Response::new(spec))
    }

    async fn report_error(
        &self,
        request: Request<UserFunctionError>,
    ) -> Result<Response<()>, Status> {
        self.user_function.report_error(&request.get_ref().message);
        Ok(Response::new(()))
    }
}

#[tonic::async_trait]
impl EventSourced for ProtocolService {
    type handleStream = Replies<EventSourcedStreamIn, EventSourcedStreamOut>;

    async fn handle(
        &self,
        request: Request<Streaming<EventSourcedStreamIn>>,
    ) -> Result<Response<Self::handleStream>, Status> {
        let machine = self.user_function.event_sourced_stream();
        Ok(in_order(self.replies(request.into_inner(), machine)))
    }
}

#[tonic::async_trait]
impl Crdt for ProtocolService {
    type handleStream = Replies<CrdtStreamIn, CrdtStreamOut>;

    async fn handle(
        &self,
        request: Request<Streaming<CrdtStreamIn>>,
    ) -> Result<Response<Self::handleStream>, Status> {
        let machine = self.user_function.crdt_stream();
        Ok(Response::new(self.replies(request.into_inner(), machine)))
    }
}

#[tonic::async_trait]
impl ValueEntity for ProtocolService {
    type handleStream = Replies<ValueEntityStreamIn, ValueEntityStreamOut>;

    async fn handle(
        &self,
        request: Request<Streaming<ValueEntityStreamIn>>,
    ) -> Result<Response<Self::handleStream>, Status> {
        let machine = self.user_function.value_entity_stream();
        Ok(in_order(self.replies(request.into_inner(), machine)))
    }
}

impl ProtocolService {
    fn replies<In, Out>(
        &self,
        input: Streaming<In>,
        machine: impl Machine<In = In, Out = Out> + 'static,
    ) -> Replies<In, Out> {
        Replies {
            input,
            machine: Some(Box::new(machine)),
            replies: VecDeque::new(),
            stop: self.stop.stopped(),
        }
    }
}

/// A response that says that commands may be sent ahead.
fn in_order<T>(replies: T) -> Response<T> {
    let mut response = Response::new(replies);
    let (name, number) = COMMANDS_AHEAD;
    let number = MetadataValue::from_static(number);
    response.metadata_mut().insert(name, number);
    response
}

/// What an entity answers to its input, as a stream that runs the state machine while it is polled.
struct Replies<In, Out> {
    input: Streaming<In>,
    /// None once the stream has ended and only replies are left.
    machine: Option<Box<dyn Machine<In = In, Out = Out>>>,
    replies: VecDeque<Out>,
    stop: Stopped,
}

/// Nothing in it is pinned without a box of its own.
impl<In, Out> Unpin for Replies<In, Out> {}

impl<In, Out> Stream for Replies<In, Out> {
    type Item = Result<Out, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        for _ in 0..MESSAGES_PER_TURN {
            if let Some(reply) = this.replies.pop_front() {
                return Poll::Ready(Some(Ok(reply)));
            }
            let Some(machine) = &mut this.machine else {
                return Poll::Ready(None);
            };
            match this.input.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    if machine.receive(message, &mut this.replies) == Flow::End {
                        this.machine = None;
                    }
                }
                // A message that is too large or garbled, or a peer that is gone: this rpc ends with the reason.
                Poll::Ready(Some(Err(status))) => {
                    this.machine = None;
                    return Poll::Ready(Some(Err(status)));
                }
                Poll::Ready(None) => {
                    machine.half_close(&mut this.replies);
                    this.machine = None;
                }
                Poll::Pending if this.stop.poll_unpin(cx).is_pending() => return Poll::Pending,
                Poll::Pending => this.machine = None,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
