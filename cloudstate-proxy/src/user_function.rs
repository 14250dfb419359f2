//! The user function as the proxy sees it: something that answers discovery and opens a stream per live entity.
//!
//! There are two implementations and one code path. [`remote::RemoteUserFunction`] dials a process in any language;
//! the `cloudstate` crate implements [`UserFunction`] in process, without a socket, a task or a channel in between.

pub mod remote;

use std::{fmt, pin::Pin};

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo,
    eventsourced::{EventSourcedStreamIn, EventSourcedStreamOut},
};
use futures_util::{Sink, Stream, future::BoxFuture};

/// A user function: what it serves, and its entities.
pub trait UserFunction: Send + Sync + fmt::Debug + 'static {
    /// Asks what is served. May be called again, with the same answer.
    fn discover(&self, proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>>;

    /// Tells the user function about a violation of the protocol. Failing to do so is logged and nothing more.
    fn report_error(&self, message: String) -> BoxFuture<'_, ()>;

    /// Opens the stream of one live event-sourced entity (`cloudstate.eventsourced.EventSourced/handle`).
    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>>;

    /// Whether commands for entities carry the caller's metadata.
    ///
    /// The reference proxy never sends any, and the TCK compares whole messages, so that a remote user function gets it
    /// only where the operator asks for it.
    fn wants_metadata(&self) -> bool;
}

/// The stream of one live event-sourced entity.
pub type EventSourcedConnection = Connection<EventSourcedStreamIn, EventSourcedStreamOut>;

/// Both directions of one stream.
///
/// Sending waits while the other side is slow. Closing the sink half-closes the stream; the user function then completes
/// it, and the stream ends with `None`.
pub type Connection<In, Out> = Pin<Box<dyn Duplex<In, Out>>>;

/// A [`Sink`] of what the proxy says and a [`Stream`] of what the user function answers.
pub trait Duplex<In, Out>:
    Sink<In, Error = UserFunctionError> + Stream<Item = Result<Out, UserFunctionError>> + Send
{
}

impl<T, In, Out> Duplex<In, Out> for T where
    T: Sink<In, Error = UserFunctionError> + Stream<Item = Result<Out, UserFunctionError>> + Send
{
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

    /// No connection: nothing that was sent has arrived.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            unreachable: true,
        }
    }

    /// Whether there was no connection at all.
    pub fn is_unreachable(&self) -> bool {
        self.unreachable
    }
}
