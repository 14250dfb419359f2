//! The messages that a client streams into a call.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use cloudstate_protocol::{Any, cloudstate::action::ActionCommand};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use prost::DecodeError;
use tokio::sync::oneshot;

use super::{CallError, answers::Broken};
use crate::{Failure, Metadata};

/// What a call receives, message by message, as far as a message could be received.
pub(crate) type Commands = BoxStream<'static, Result<ActionCommand, CallError>>;

/// The messages that a client streams into a call, as fast as the handler takes them.
///
/// It is a [`Stream`]; [`next`](Self::next) needs no import. It ends when the client has sent everything. If the client
/// goes away, or a message is not one of the rpc's, the call ends and its handler is dropped: what a handler reads is
/// what was sent, and the end is the end.
pub struct Incoming<T> {
    commands: Commands,
    name: &'static str,
    decode: fn(Any) -> Result<T, DecodeError>,
    /// Empty once there is nothing more to tell.
    broken: Option<oneshot::Sender<Broken>>,
}

impl<T> Incoming<T> {
    pub(super) fn new(
        commands: Commands,
        name: &'static str,
        decode: fn(Any) -> Result<T, DecodeError>,
        broken: oneshot::Sender<Broken>,
    ) -> Self {
        Self {
            commands,
            name,
            decode,
            broken: Some(broken),
        }
    }

    /// Without messages.
    pub(super) fn empty(name: &'static str, decode: fn(Any) -> Result<T, DecodeError>) -> Self {
        let (broken, _) = oneshot::channel();
        Self::new(stream::empty().boxed(), name, decode, broken)
    }

    /// The next message; `None` behind the last.
    pub async fn next(&mut self) -> Option<T> {
        StreamExt::next(self).await
    }

    /// The same messages, each with the metadata that came beside it. gRPC has none for the messages of a stream;
    /// other transports do.
    pub fn with_metadata(self) -> impl Stream<Item = (T, Metadata)> + Send + Unpin {
        WithMetadata(self)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(T, Metadata)>> {
        if self.broken.is_none() {
            return Poll::Pending;
        }
        let problem = match self.commands.poll_next_unpin(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Ok(command))) => {
                match (self.decode)(command.payload.unwrap_or_default()) {
                    Ok(message) => {
                        let metadata = Metadata::from_wire(command.metadata);
                        return Poll::Ready(Some((message, metadata)));
                    }
                    Err(error) => Broken::Unreadable(unreadable(self.name, &error)),
                }
            }
            Poll::Ready(Some(Err(error))) => Broken::Off(error),
        };
        if let Some(broken) = self.broken.take() {
            // Nobody hears it if the call has ended already.
            let _ = broken.send(problem);
        }
        // The call ends here; the handler is not to take this for the end of the messages.
        Poll::Pending
    }
}

/// The refusal of a payload that is not a request.
pub(super) fn unreadable(name: &str, error: &DecodeError) -> Failure {
    Failure::new(format!(
        "The payload of command [{name}] is not its request message: {error}"
    ))
}

impl<T> Stream for Incoming<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll(cx).map(|next| next.map(|(message, _)| message))
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

struct WithMetadata<T>(Incoming<T>);

impl<T> Stream for WithMetadata<T> {
    type Item = (T, Metadata);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx)
    }
}
