//! The user function as the proxy sees it: something that answers discovery, opens a stream per live entity, and handles
//! the calls of actions.
//!
//! There are two implementations and one code path. [`remote::RemoteUserFunction`] dials a process in any language;
//! the `cloudstate` crate implements [`UserFunction`] in process, without a socket, a task or a channel in between.

pub mod remote;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo,
    action::{ActionCommand, ActionResponse},
    crdt::{CrdtStreamIn, CrdtStreamOut},
    eventsourced::{EventSourcedStreamIn, EventSourcedStreamOut},
    valueentity::{ValueEntityStreamIn, ValueEntityStreamOut},
};
use futures_util::{
    FutureExt, Sink, Stream, StreamExt,
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use tokio::sync::watch;

/// A user function: what it serves, its entities and its actions.
///
/// A kind that a user function does not serve needs no method: nothing asks for what discovery does not name.
///
/// Dropping the future or the stream of an action's call cancels the call.
pub trait UserFunction: Send + Sync + fmt::Debug + 'static {
    /// Asks what is served. May be called again, with the same answer.
    fn discover(&self, proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>>;

    /// Tells the user function about a violation of the protocol. Failing to do so is logged and nothing more.
    fn report_error(&self, message: String) -> BoxFuture<'_, ()>;

    /// Opens the stream of one live event-sourced entity (`cloudstate.eventsourced.EventSourced/handle`).
    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>>;

    /// Opens the stream of one live value entity (`cloudstate.valueentity.ValueEntity/handle`).
    fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
        ready(Err(UserFunctionError::not_served("value entities"))).boxed()
    }

    /// Opens the stream of one live CRDT entity (`cloudstate.crdt.Crdt/handle`).
    fn crdt(&self) -> BoxFuture<'_, Result<CrdtConnection, UserFunctionError>> {
        ready(Err(UserFunctionError::not_served("CRDT entities"))).boxed()
    }

    /// Calls an action with one message, for one (`cloudstate.action.ActionProtocol/handleUnary`).
    fn action(&self, command: ActionCommand) -> ActionCall {
        let _ = command;
        ready(Err(UserFunctionError::not_served("actions"))).boxed()
    }

    /// Calls an action with a stream of messages, for one (`handleStreamedIn`).
    fn action_streamed_in(&self, commands: ActionCommands) -> ActionCall {
        drop(commands);
        ready(Err(UserFunctionError::not_served("actions"))).boxed()
    }

    /// Calls an action with one message, for a stream of them (`handleStreamedOut`).
    fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
        let _ = command;
        stream::iter([Err(UserFunctionError::not_served("actions"))]).boxed()
    }

    /// Calls an action with a stream of messages, for a stream of them (`handleStreamed`).
    fn action_streamed(&self, commands: ActionCommands) -> ActionResponses {
        drop(commands);
        stream::iter([Err(UserFunctionError::not_served("actions"))]).boxed()
    }

    /// Whether commands for entities carry the caller's metadata. Commands for actions always do.
    ///
    /// The reference proxy never sends any, and the TCK compares whole messages, so that a remote user function gets it
    /// only where the operator asks for it.
    fn wants_metadata(&self) -> bool;

    /// Whether the stream of an entity may say something, or end, when it has been told nothing new.
    ///
    /// Where none does, an entity that waits for a command needs nobody who listens, and takes much less memory.
    fn speaks_unasked(&self) -> bool {
        true
    }

    /// What becomes of the connection to the user function; `None` for one that cannot be lost.
    ///
    /// Whoever is at the other end of a new connection may serve something else.
    fn link(&self) -> Option<watch::Receiver<Link>> {
        None
    }
}

/// The connection to a user function at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// How many connections have been made so far.
    pub made: u64,
    /// Whether the last one is there still.
    pub up: bool,
}

/// The stream of one live event-sourced entity.
pub type EventSourcedConnection = Connection<EventSourcedStreamIn, EventSourcedStreamOut>;

/// The stream of one live value entity.
pub type ValueEntityConnection = Connection<ValueEntityStreamIn, ValueEntityStreamOut>;

/// The stream of one live CRDT entity.
pub type CrdtConnection = Connection<CrdtStreamIn, CrdtStreamOut>;

/// The one response to a call of an action.
pub type ActionCall = BoxFuture<'static, Result<ActionResponse, UserFunctionError>>;

/// What a client streams into an action, as fast as the action takes it. The first command names the service and the
/// method, and has no payload; those behind it have nothing else. It ends when the client has sent everything.
pub type ActionCommands = BoxStream<'static, ActionCommand>;

/// What an action streams out, as fast as the client takes it.
pub type ActionResponses = BoxStream<'static, Result<ActionResponse, UserFunctionError>>;

/// Both directions of one stream.
///
/// Sending waits while the other side is slow. Closing the sink half-closes the stream; the user function then completes
/// it, and the stream ends with `None`.
pub type Connection<In, Out> = Pin<Box<dyn Duplex<In, Out>>>;

/// A [`Sink`] of what the proxy says and a [`Stream`] of what the user function answers.
pub trait Duplex<In, Out>:
    Sink<In, Error = UserFunctionError> + Stream<Item = Result<Out, UserFunctionError>> + Send
{
    /// How many commands may be with the user function that it has not replied to, at least one.
    ///
    /// More than one only where it has promised to handle what it hears on this stream strictly in order: to begin with a
    /// command when it has sent the reply to the one before. It may say so at any time; until it does, this is 1.
    ///
    /// CRDT entities do not ask: their commands are matched by id, and any number is in progress.
    fn commands_ahead(&self) -> usize;
}

/// A connection on which the user function is given one command at a time.
pub fn one_at_a_time<In: 'static, Out: 'static>(
    both: impl Sink<In, Error = UserFunctionError>
    + Stream<Item = Result<Out, UserFunctionError>>
    + Send
    + Unpin
    + 'static,
) -> Connection<In, Out> {
    Box::pin(OneAtATime(both))
}

struct OneAtATime<T>(T);

impl<In, T: Sink<In, Error = UserFunctionError> + Unpin> Sink<In> for OneAtATime<T> {
    type Error = UserFunctionError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        Pin::new(&mut self.0).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: In) -> Result<(), UserFunctionError> {
        Pin::new(&mut self.0).start_send(message)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl<T: Stream + Unpin> Stream for OneAtATime<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<In, Out, T> Duplex<In, Out> for OneAtATime<T>
where
    T: Sink<In, Error = UserFunctionError>
        + Stream<Item = Result<Out, UserFunctionError>>
        + Send
        + Unpin,
{
    fn commands_ahead(&self) -> usize {
        1
    }
}

/// The user function cannot be reached, or broke a stream off.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct UserFunctionError {
    message: String,
    unreachable: bool,
}

impl UserFunctionError {
    /// A stream or a call that ended badly, with a text for the proxy's log.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            unreachable: false,
        }
    }

    /// No connection, or none any more: nobody knows what has arrived of that which was sent last.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            unreachable: true,
        }
    }

    fn not_served(kind: &str) -> Self {
        Self::new(format!("this user function serves no {kind}"))
    }

    /// Whether the connection was missing, or was lost.
    pub fn is_unreachable(&self) -> bool {
        self.unreachable
    }
}
