//! A user function in another process, over gRPC.

mod commands;
mod link;

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo, UserFunctionError as ErrorReport,
    action::{ActionCommand, ActionResponse, action_protocol_client::ActionProtocolClient},
    crdt::crdt_client::CrdtClient,
    entity_discovery_client::EntityDiscoveryClient,
    eventsourced::event_sourced_client::EventSourcedClient,
    valueentity::value_entity_client::ValueEntityClient,
};
use cloudstate_transport::Connector;
use futures_util::{
    FutureExt, Sink, Stream, StreamExt, TryFutureExt, TryStreamExt, future::BoxFuture,
};
use http::Uri;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::PollSender;
use tonic::{
    Code, Response, Status, Streaming,
    transport::{Channel, Endpoint},
};

use commands::KeepAlive;
use link::Dialler;

use super::{
    ActionCall, ActionCommands, ActionResponses, Connection, CrdtConnection,
    EventSourcedConnection, Link, UserFunction, UserFunctionError, ValueEntityConnection,
};

const HANDLE_STREAMED: &str = "/cloudstate.action.ActionProtocol/handleStreamed";
const HANDLE_STREAMED_IN: &str = "/cloudstate.action.ActionProtocol/handleStreamedIn";

/// How many messages may wait for the network before [`Sink::poll_ready`] waits.
const OUTGOING: usize = 32;

/// How long the user function may take to say what it serves, or to hear a report.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that a stream may be ahead of whoever reads it.
const STREAM_WINDOW: u32 = 128 * 1024;

/// Bytes that all streams together may be ahead: the highest that HTTP/2 knows, and more than as many streams can be
/// ahead as there may be requests. Every call is on this connection, and a window that some slow readers could fill would
/// have them stop all others.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// What the user function serves may be described in as many bytes, however small other messages have to be.
const MAX_SPEC_SIZE: usize = 16 * 1024 * 1024;

/// How many reports may be on their way to the user function; further ones are in the log only.
const REPORTS: usize = 32;

/// A user function that is dialled at an address.
#[derive(Clone, Debug)]
pub struct RemoteUserFunction {
    channel: Channel,
    link: watch::Receiver<Link>,
    reports: Arc<Semaphore>,
    max_message_size: usize,
    metadata: bool,
}

impl RemoteUserFunction {
    /// Prepares to dial `host:port` in plaintext; see [`with_connector`](Self::with_connector).
    ///
    /// # Errors
    /// `host` cannot stand in an address.
    pub fn new(
        host: &str,
        port: u16,
        max_message_size: usize,
        metadata: bool,
    ) -> Result<Self, UserFunctionError> {
        let plaintext = Connector::plaintext();
        Self::with_connector(host, port, plaintext, max_message_size, metadata)
    }

    /// Prepares to dial `host:port`; the connection is made when it is first needed, and again whenever it is lost.
    ///
    /// `max_message_size` bounds each received message, in bytes. `metadata` says whether commands carry the caller's.
    ///
    /// # Errors
    /// `host` cannot stand in an address.
    pub fn with_connector(
        host: &str,
        port: u16,
        connector: Connector,
        max_message_size: usize,
        metadata: bool,
    ) -> Result<Self, UserFunctionError> {
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let bad_host = |error: &dyn Error| {
            UserFunctionError::new(format!("USER_FUNCTION_HOST `{host}`: {error}"))
        };
        // What requests say of themselves. The endpoint's own scheme would have tonic look for its own TLS.
        let origin = format!("{}://{authority}", connector.scheme());
        let origin = origin.parse::<Uri>().map_err(|error| bad_host(&error))?;
        let endpoint = Endpoint::from_shared(format!("http://{authority}"))
            .map_err(|error| bad_host(&error))?
            .origin(origin)
            // Without these, a connection that a firewall has forgotten looks alive for ever.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW);
        let (dialler, link) = Dialler::new(host, port, connector);
        Ok(Self {
            channel: endpoint.connect_with_connector_lazy(dialler),
            link,
            reports: Arc::new(Semaphore::new(REPORTS)),
            max_message_size,
            metadata,
        })
    }

    fn discovery(&self) -> EntityDiscoveryClient<Channel> {
        EntityDiscoveryClient::new(self.channel.clone())
            .max_decoding_message_size(self.max_message_size.max(MAX_SPEC_SIZE))
    }

    fn actions(&self) -> ActionProtocolClient<Channel> {
        ActionProtocolClient::new(self.channel.clone())
            .max_decoding_message_size(self.max_message_size)
    }

    fn stream_in(
        &self,
        path: &'static str,
        commands: ActionCommands,
    ) -> impl Future<Output = Result<(Streaming<ActionResponse>, KeepAlive), Status>> + Send + 'static
    {
        commands::open(self.channel.clone(), path, commands, self.max_message_size)
    }
}

impl UserFunction for RemoteUserFunction {
    fn discover(&self, proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        Box::pin(async move {
            let mut discovery = self.discovery();
            match timeout(ANSWER_TIMEOUT, discovery.discover(proxy)).await {
                Ok(spec) => Ok(spec.map_err(from_status)?.into_inner()),
                Err(_) => Err(UserFunctionError::new(format!(
                    "it did not say what it serves within {ANSWER_TIMEOUT:?}"
                ))),
            }
        })
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Ok(_place) = self.reports.try_acquire() else {
                return;
            };
            let mut discovery = self.discovery();
            let told = discovery.report_error(ErrorReport { message });
            match timeout(ANSWER_TIMEOUT, told).await {
                Ok(Ok(_)) => {}
                Ok(Err(status)) => {
                    tracing::warn!(%status, "the user function could not be told of its error");
                }
                Err(_) => tracing::warn!(
                    "the user function did not take the report of its error within {ANSWER_TIMEOUT:?}"
                ),
            }
        })
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        let mut client = EventSourcedClient::new(self.channel.clone())
            .max_decoding_message_size(self.max_message_size);
        let connection = connect(|messages| async move { client.handle(messages).await });
        async { Ok(connection) }.boxed()
    }

    fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
        let mut client = ValueEntityClient::new(self.channel.clone())
            .max_decoding_message_size(self.max_message_size);
        let connection = connect(|messages| async move { client.handle(messages).await });
        async { Ok(connection) }.boxed()
    }

    fn crdt(&self) -> BoxFuture<'_, Result<CrdtConnection, UserFunctionError>> {
        let mut client =
            CrdtClient::new(self.channel.clone()).max_decoding_message_size(self.max_message_size);
        let connection = connect(|messages| async move { client.handle(messages).await });
        async { Ok(connection) }.boxed()
    }

    fn action(&self, command: ActionCommand) -> ActionCall {
        let mut client = self.actions();
        async move { client.handle_unary(command).await }
            .map_ok(Response::into_inner)
            .map_err(from_status)
            .boxed()
    }

    fn action_streamed_in(&self, commands: ActionCommands) -> ActionCall {
        let call = self.stream_in(HANDLE_STREAMED_IN, commands);
        let only_response = async {
            let (mut responses, _call) = call.await?;
            let response = responses.message().await?;
            responses.trailers().await?;
            response.ok_or_else(|| Status::internal("the call ended without a response"))
        };
        only_response.map_err(from_status).boxed()
    }

    fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
        let mut client = self.actions();
        async move { client.handle_streamed_out(command).await }
            .map_ok(Response::into_inner)
            .try_flatten_stream()
            .map_err(from_status)
            .boxed()
    }

    fn action_streamed(&self, commands: ActionCommands) -> ActionResponses {
        self.stream_in(HANDLE_STREAMED, commands)
            .map_ok(|(responses, call)| {
                responses.inspect(move |_| {
                    let _while_responses_are_read = &call;
                })
            })
            .try_flatten_stream()
            .map_err(from_status)
            .boxed()
    }

    fn wants_metadata(&self) -> bool {
        self.metadata
    }

    fn link(&self) -> Option<watch::Receiver<Link>> {
        Some(self.link.clone())
    }
}

/// Makes a connection of a bidirectional call, which `open` begins with what is sent.
fn connect<In, Out, F>(open: impl FnOnce(ReceiverStream<In>) -> F) -> Connection<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
    F: Future<Output = Result<Response<Streaming<Out>>, Status>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(OUTGOING);
    Box::pin(RemoteStream {
        outgoing: PollSender::new(sender),
        incoming: Incoming::Opening(open(ReceiverStream::new(receiver)).boxed()),
    })
}

/// One bidirectional call.
struct RemoteStream<In, Out> {
    outgoing: PollSender<In>,
    incoming: Incoming<Out>,
}

/// Many gRPC servers send no response headers before their first message, so that waiting for the call to open before
/// sending init would wait for ever. The opening call is therefore driven from both directions.
enum Incoming<Out> {
    Opening(BoxFuture<'static, Result<Response<Streaming<Out>>, Status>>),
    Open(Box<Streaming<Out>>),
    Failed(Option<UserFunctionError>),
}

impl<Out> Incoming<Out> {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Opening(opening) = self {
            *self = match ready!(opening.as_mut().poll(cx)) {
                Ok(response) => Self::Open(Box::new(response.into_inner())),
                Err(status) => Self::Failed(Some(from_status(status))),
            };
        }
        Poll::Ready(())
    }
}

impl<In: Send + 'static, Out> Sink<In> for RemoteStream<In, Out> {
    type Error = UserFunctionError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        let _ = self.incoming.poll_open(cx);
        self.outgoing.poll_reserve(cx).map_err(|_| ended())
    }

    fn start_send(mut self: Pin<&mut Self>, message: In) -> Result<(), UserFunctionError> {
        self.outgoing.send_item(message).map_err(|_| ended())
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        // The HTTP/2 connection takes messages as they come; nothing is held back here.
        let _ = self.incoming.poll_open(cx);
        Poll::Ready(Ok(()))
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        self.outgoing.close();
        Poll::Ready(Ok(()))
    }
}

impl<In: Send + 'static, Out> Stream for RemoteStream<In, Out> {
    type Item = Result<Out, UserFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(self.incoming.poll_open(cx));
        match &mut self.incoming {
            Incoming::Opening(_) => Poll::Pending,
            Incoming::Open(stream) => Pin::new(stream.as_mut())
                .poll_next(cx)
                .map(|item| item.map(|message| message.map_err(from_status))),
            Incoming::Failed(error) => Poll::Ready(error.take().map(Err)),
        }
    }
}

fn ended() -> UserFunctionError {
    UserFunctionError::new("the user function ended the stream")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as the argument of map_err"
)]
fn from_status(status: Status) -> UserFunctionError {
    let cause = status
        .source()
        .map(|source| format!(": {}", innermost(source)))
        .unwrap_or_default();
    let message = format!("{:?}: {}{cause}", status.code(), status.message());
    // What the user function itself says has no source. One stream that it resets has other codes.
    let is_connection = matches!(status.code(), Code::Unavailable | Code::Unknown);
    if is_connection && status.source().is_some() {
        UserFunctionError::unreachable(message)
    } else {
        UserFunctionError::new(message)
    }
}

fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
