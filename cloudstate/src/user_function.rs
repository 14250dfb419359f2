//! The user function of this process: what it serves, and a connection per live entity.
//!
//! The protocol server offers it over the network. In process, a proxy uses it directly: the embedded one, or a test.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo,
    action::{ActionCommand, ActionResponse},
    crdt::{CrdtStreamIn, CrdtStreamOut},
    eventsourced::{EventSourcedStreamIn, EventSourcedStreamOut},
    valueentity::{ValueEntityStreamIn, ValueEntityStreamOut},
};

use futures_util::{FutureExt, Stream, StreamExt};

use crate::{
    Result,
    action::{self, Answers, CallError, Commands},
    crdt_entity, discovery, event_sourced,
    in_process::EntityConnection,
    registry::Registry,
    value_entity,
};

/// The entities of this program, checked and ready to serve.
///
/// [`Cloudstate::into_user_function`](crate::Cloudstate::into_user_function) makes one. Clones share it.
#[derive(Clone, Debug)]
pub struct UserFunction {
    registry: Arc<Registry>,
    spec: EntitySpec,
}

impl UserFunction {
    pub(crate) fn new(registry: Registry, name: String, version: String) -> Result<Self> {
        let spec = discovery::spec(&registry, name, version)?;
        Ok(Self {
            registry: Arc::new(registry),
            spec,
        })
    }

    /// What discovery answers: the entities, their descriptors and who serves them.
    pub fn spec(&self) -> &EntitySpec {
        &self.spec
    }

    /// Answers a proxy's discovery, and logs where the two do not fit together.
    pub fn discover(&self, proxy: &ProxyInfo) -> EntitySpec {
        tracing::info!(
            proxy = proxy.proxy_name,
            version = proxy.proxy_version,
            protocol = format_args!(
                "{}.{}",
                proxy.protocol_major_version, proxy.protocol_minor_version
            ),
            "discovered by a proxy"
        );
        for problem in discovery::problems(&self.spec, proxy) {
            tracing::error!("{problem}");
        }
        self.spec.clone()
    }

    /// Logs what a proxy holds against this user function.
    pub fn report_error(&self, message: &str) {
        tracing::error!("the proxy reports: {message}");
    }

    /// Opens the stream of one live event-sourced entity, as `cloudstate.eventsourced.EventSourced/handle` does.
    pub fn event_sourced(&self) -> EntityConnection<EventSourcedStreamIn, EventSourcedStreamOut> {
        EntityConnection::new(self.event_sourced_stream())
    }

    /// Opens the stream of one live value entity, as `cloudstate.valueentity.ValueEntity/handle` does.
    pub fn value_entity(&self) -> EntityConnection<ValueEntityStreamIn, ValueEntityStreamOut> {
        EntityConnection::new(self.value_entity_stream())
    }

    /// Opens the stream of one live CRDT entity, as `cloudstate.crdt.Crdt/handle` does.
    pub fn crdt(&self) -> EntityConnection<CrdtStreamIn, CrdtStreamOut> {
        EntityConnection::new(self.crdt_stream())
    }

    /// Calls an action with one message, for one, as `cloudstate.action.ActionProtocol/handleUnary` does.
    ///
    /// The handler runs while the future is polled; dropping the future cancels the call.
    ///
    /// # Errors
    /// The call broke down. What a handler refuses is no error: it is in the response.
    pub fn action(
        &self,
        command: ActionCommand,
    ) -> impl Future<Output = Result<ActionResponse, CallError>> + Send + use<> {
        action::only(action::call_one(&self.registry, command, false))
    }

    /// Calls an action with a stream of messages, for one (`handleStreamedIn`). The first message has the names of the
    /// service and the rpc and is not for the handler; the others are taken as fast as the handler takes them.
    ///
    /// # Errors
    /// As [`action`](Self::action).
    pub fn action_streamed_in<S>(
        &self,
        commands: S,
    ) -> impl Future<Output = Result<ActionResponse, CallError>> + Send + use<S>
    where
        S: Stream<Item = ActionCommand> + Send + 'static,
    {
        self.action_calls(commands.map(Ok).boxed(), false)
            .then(action::only)
    }

    /// Calls an action with one message, for a stream of them (`handleStreamedOut`). The handler goes on as fast as they
    /// are taken. A breakdown is the last of them.
    pub fn action_streamed_out(&self, command: ActionCommand) -> Answers {
        action::call_one(&self.registry, command, true)
    }

    /// Calls an action with a stream of messages, for a stream of them (`handleStreamed`).
    pub fn action_streamed<S>(
        &self,
        commands: S,
    ) -> impl Stream<Item = Result<ActionResponse, CallError>> + Send + use<S>
    where
        S: Stream<Item = ActionCommand> + Send + 'static,
    {
        self.action_calls(commands.map(Ok).boxed(), true)
            .flatten_stream()
    }

    /// Begins a call with a stream of messages that may break off.
    pub(crate) fn action_calls(
        &self,
        commands: Commands,
        streamed_out: bool,
    ) -> impl Future<Output = Answers> + Send + use<> {
        action::call_many(Arc::clone(&self.registry), commands, streamed_out)
    }

    pub(crate) fn crdt_stream(&self) -> crdt_entity::EntityStream {
        crdt_entity::EntityStream::new(Arc::clone(&self.registry))
    }

    pub(crate) fn event_sourced_stream(&self) -> event_sourced::EntityStream {
        event_sourced::EntityStream::new(Arc::clone(&self.registry))
    }

    pub(crate) fn value_entity_stream(&self) -> value_entity::EntityStream {
        value_entity::EntityStream::new(Arc::clone(&self.registry))
    }
}
