//! A user function in another process, over gRPC.

mod address;
mod commands;
mod connections;
mod entity_stream;
mod framing;
mod link;

use std::{error::Error, sync::Arc, time::Duration};

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo, UserFunctionError as ErrorReport,
    action::{ActionCommand, ActionResponse, action_protocol_client::ActionProtocolClient},
    entity_discovery_client::EntityDiscoveryClient,
};
use cloudstate_transport::Connector;
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, future::BoxFuture};
use http::Uri;
use prost::Message;
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};
use tonic::{
    Code, Response, Status, Streaming,
    transport::{Channel, Endpoint},
};

use address::Address;
use commands::KeepAlive;
use connections::Connections;
use entity_stream::EntityStream;
use link::Dialler;

use super::{
    ActionCall, ActionCommands, ActionResponses, CrdtConnection, EventSourcedConnection, Link,
    UserFunction, UserFunctionError, ValueEntityConnection,
};

const HANDLE_STREAMED: &str = "/cloudstate.action.ActionProtocol/handleStreamed";
const HANDLE_STREAMED_IN: &str = "/cloudstate.action.ActionProtocol/handleStreamedIn";

const EVENT_SOURCED: &str = "/cloudstate.eventsourced.EventSourced/handle";
const VALUE_ENTITY: &str = "/cloudstate.valueentity.ValueEntity/handle";
const CRDT: &str = "/cloudstate.crdt.Crdt/handle";

/// How long the user function may take to say what it serves, or to hear a report.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that a stream may be ahead of whoever reads it.
const STREAM_WINDOW: u32 = 128 * 1024;

/// Bytes that all streams together may be ahead: the highest that HTTP/2 knows, and more than as many streams can be
/// ahead as there may be requests. Many calls are on one connection, and a window that some slow readers could fill would
/// have them stop all others.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// How often a connection is tried by a ping, and how long the answer may take. Without these, a connection that a firewall
/// has forgotten looks alive for ever.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What the user function serves may be described in as many bytes, however small other messages have to be.
const MAX_SPEC_SIZE: usize = 16 * 1024 * 1024;

/// How many reports may be on their way to the user function; further ones are in the log only.
const REPORTS: usize = 32;

/// A user function that is dialled at an address: on one connection it is asked what it serves and actions are called, on
/// another are the streams of its entities.
#[derive(Clone, Debug)]
pub struct RemoteUserFunction {
    channel: Channel,
    link: watch::Receiver<Link>,
    entities: Connections,
    handlers: Handlers,
    reports: Arc<Semaphore>,
    max_message_size: usize,
    metadata: bool,
}

/// Where the streams of entities are opened.
#[derive(Clone, Debug)]
struct Handlers {
    event_sourced: Uri,
    value_entity: Uri,
    crdt: Uri,
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
        let uri = |path| {
            let uri = format!("{}://{authority}{path}", connector.scheme());
            uri.parse::<Uri>().map_err(|error| bad_host(&error))
        };
        let origin = uri("")?;
        let handlers = Handlers {
            event_sourced: uri(EVENT_SOURCED)?,
            value_entity: uri(VALUE_ENTITY)?,
            crdt: uri(CRDT)?,
        };
        let endpoint = Endpoint::from_shared(format!("http://{authority}"))
            .map_err(|error| bad_host(&error))?
            .origin(origin)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW);
        let address = Address::new(host, port, connector);
        let (dialler, link) = Dialler::new(address.clone());
        Ok(Self {
            channel: endpoint.connect_with_connector_lazy(dialler),
            link,
            entities: Connections::new(address),
            handlers,
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

    /// Opens the stream of an entity.
    async fn open<Out: Message + Default>(
        &self,
        rpc: &Uri,
    ) -> Result<EntityStream<Out>, UserFunctionError> {
        let connection = self.entities.get().await?;
        entity_stream::open(connection, rpc.clone(), self.max_message_size)
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
        let stream = self.open(&self.handlers.event_sourced);
        async { Ok(Box::pin(stream.await?) as EventSourcedConnection) }.boxed()
    }

    fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
        let stream = self.open(&self.handlers.value_entity);
        async { Ok(Box::pin(stream.await?) as ValueEntityConnection) }.boxed()
    }

    fn crdt(&self) -> BoxFuture<'_, Result<CrdtConnection, UserFunctionError>> {
        let stream = self.open(&self.handlers.crdt);
        async { Ok(Box::pin(stream.await?) as CrdtConnection) }.boxed()
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
