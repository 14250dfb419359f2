//! A user function that takes several commands at a time, and the other end of each of its streams, which a test holds.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::{
    Command, EntitySpec, ProxyInfo,
    eventsourced::{
        EventSourcedStreamIn, EventSourcedStreamOut, event_sourced_stream_in::Message as In,
        event_sourced_stream_out::Message as Out,
    },
};
use cloudstate_proxy::user_function::{
    Duplex, EventSourcedConnection, UserFunction, UserFunctionError,
};
use futures_util::{FutureExt, Sink, Stream, future::BoxFuture};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    bench::SOON,
    scripted::{Say, Scripted, text_of},
};

/// Hands every stream to the test.
pub(crate) struct Played {
    spec: EntitySpec,
    commands_ahead: usize,
    streams: mpsc::UnboundedSender<UserSide>,
    reports: mpsc::UnboundedSender<String>,
}

/// The user function's end of one stream. The proxy's ends when it is dropped.
pub(crate) struct UserSide {
    incoming: mpsc::UnboundedReceiver<In>,
    outgoing: mpsc::UnboundedSender<Out>,
}

struct ProxySide {
    outgoing: Option<mpsc::UnboundedSender<In>>,
    incoming: mpsc::UnboundedReceiver<Out>,
    commands_ahead: usize,
}

impl Played {
    /// What is served, the streams as they are opened, and what is reported.
    pub(crate) fn new(
        commands_ahead: usize,
    ) -> (
        Arc<Self>,
        mpsc::UnboundedReceiver<UserSide>,
        mpsc::UnboundedReceiver<String>,
    ) {
        let (streams, opened) = mpsc::unbounded_channel();
        let (reports, reported) = mpsc::unbounded_channel();
        let (same_services, _) = Scripted::new(60_000, |_| Say::Nothing);
        let played = Self {
            spec: same_services.spec().clone(),
            commands_ahead,
            streams,
            reports,
        };
        (Arc::new(played), opened, reported)
    }

    pub(crate) fn spec(&self) -> &EntitySpec {
        &self.spec
    }
}

impl fmt::Debug for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Played")
    }
}

impl UserFunction for Played {
    fn discover(&self, _: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        async { Ok(self.spec.clone()) }.boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        let _ = self.reports.send(message);
        async {}.boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        let (to_user, incoming) = mpsc::unbounded_channel();
        let (outgoing, from_user) = mpsc::unbounded_channel();
        let _ = self.streams.send(UserSide { incoming, outgoing });
        let connection: EventSourcedConnection = Box::pin(ProxySide {
            outgoing: Some(to_user),
            incoming: from_user,
            commands_ahead: self.commands_ahead,
        });
        async move { Ok(connection) }.boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

impl UserSide {
    /// The next thing that the proxy says; `None` when it says nothing more.
    pub(crate) async fn heard(&mut self) -> Option<In> {
        let message = timeout(SOON, self.next());
        message.await.expect("the proxy says something soon")
    }

    /// The same, whenever it comes.
    pub(crate) async fn next(&mut self) -> Option<In> {
        self.incoming.recv().await
    }

    /// The next command, behind whatever the entity is loaded from.
    pub(crate) async fn command(&mut self) -> Command {
        loop {
            match self.heard().await.expect("a command") {
                In::Command(command) => return command,
                In::Init(_) | In::Event(_) => {}
            }
        }
    }

    /// The texts of the next commands, and themselves.
    pub(crate) async fn commands<const N: usize>(&mut self, texts: [&str; N]) -> [Command; N] {
        let mut commands = Vec::new();
        for text in texts {
            let command = self.command().await;
            assert_eq!(text_of(&command), text);
            commands.push(command);
        }
        commands.try_into().expect("as many as texts")
    }

    /// Whether the proxy has said all that it says without an answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.incoming.is_empty()
    }

    pub(crate) fn say(&self, message: Out) {
        let _ = self.outgoing.send(message);
    }
}

impl Sink<EventSourcedStreamIn> for ProxySide {
    type Error = UserFunctionError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(
        self: Pin<&mut Self>,
        message: EventSourcedStreamIn,
    ) -> Result<(), UserFunctionError> {
        let message = message.message.expect("the proxy sends no empty messages");
        if let Some(outgoing) = &self.outgoing {
            let _ = outgoing.send(message);
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.outgoing = None;
        Poll::Ready(Ok(()))
    }
}

impl Stream for ProxySide {
    type Item = Result<EventSourcedStreamOut, UserFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(cx).map(|message| {
            let message = Some(message?);
            Some(Ok(EventSourcedStreamOut { message }))
        })
    }
}

impl Duplex<EventSourcedStreamIn, EventSourcedStreamOut> for ProxySide {
    fn commands_ahead(&self) -> usize {
        self.commands_ahead
    }
}
