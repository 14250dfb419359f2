//! A user function with CRDT entities, and the other end of each of its streams, which a test holds.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Entity, EntityPassivationStrategy, EntitySpec, Failure, ProxyInfo,
        Reply, ServiceInfo, TimeoutPassivationStrategy,
        client_action::Action,
        crdt::{
            CrdtDelete, CrdtDelta, CrdtReply, CrdtStateAction, CrdtStreamCancelledResponse,
            CrdtStreamIn, CrdtStreamOut, CrdtStreamedMessage,
            crdt_state_action::Action as StateAction, crdt_stream_in::Message as In,
            crdt_stream_out::Message as Out,
        },
        entity_passivation_strategy::Strategy,
    },
    version,
};
use cloudstate_proxy::user_function::{
    CrdtConnection, EventSourcedConnection, UserFunction, UserFunctionError, one_at_a_time,
};
use futures_util::{FutureExt, Sink, Stream, future::BoxFuture};
use tokio::sync::mpsc;

/// How long a test waits for something that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A user function that hands every stream to the test.
pub(crate) struct Played {
    spec: EntitySpec,
    streams: mpsc::UnboundedSender<UserSide>,
    reports: mpsc::UnboundedSender<String>,
}

/// The user function's end of one stream.
pub(crate) struct UserSide {
    incoming: mpsc::UnboundedReceiver<Option<In>>,
    outgoing: Option<mpsc::UnboundedSender<Result<Out, UserFunctionError>>>,
}

/// The proxy's end.
struct ProxySide {
    outgoing: mpsc::UnboundedSender<Option<In>>,
    incoming: mpsc::UnboundedReceiver<Result<Out, UserFunctionError>>,
}

impl Played {
    /// What is served, the streams as they are opened, and what is reported.
    pub(crate) fn new(
        passivate_after: i64,
    ) -> (
        Arc<Self>,
        mpsc::UnboundedReceiver<UserSide>,
        mpsc::UnboundedReceiver<String>,
    ) {
        let timeout = TimeoutPassivationStrategy {
            timeout: passivate_after,
        };
        let spec = EntitySpec {
            proto: crate::pool::descriptor_set(include_str!("../proto/room.proto")).into(),
            entities: vec![Entity {
                entity_type: version::CRDT.into(),
                service_name: "test.room.Room".into(),
                persistence_id: "room".into(),
                passivation_strategy: Some(EntityPassivationStrategy {
                    strategy: Some(Strategy::Timeout(timeout)),
                }),
            }],
            service_info: Some(ServiceInfo {
                protocol_major_version: version::MAJOR,
                protocol_minor_version: version::MINOR,
                ..ServiceInfo::default()
            }),
        };
        let (streams, opened) = mpsc::unbounded_channel();
        let (reports, reported) = mpsc::unbounded_channel();
        let played = Self {
            spec,
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
    fn discover(&self, _proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        async { Ok(self.spec.clone()) }.boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        let _ = self.reports.send(message);
        async {}.boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        async { Err(UserFunctionError::new("only CRDT entities are served")) }.boxed()
    }

    fn crdt(&self) -> BoxFuture<'_, Result<CrdtConnection, UserFunctionError>> {
        let (to_user, incoming) = mpsc::unbounded_channel();
        let (outgoing, from_user) = mpsc::unbounded_channel();
        let _ = self.streams.send(UserSide {
            incoming,
            outgoing: Some(outgoing),
        });
        let connection: CrdtConnection = one_at_a_time(ProxySide {
            outgoing: to_user,
            incoming: from_user,
        });
        async move { Ok(connection) }.boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

impl Sink<CrdtStreamIn> for ProxySide {
    type Error = UserFunctionError;

    fn poll_ready(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: CrdtStreamIn) -> Result<(), UserFunctionError> {
        let message = message.message.expect("the proxy sends no empty messages");
        let _ = self.outgoing.send(Some(message));
        Ok(())
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        let _ = self.outgoing.send(None);
        Poll::Ready(Ok(()))
    }
}

impl Stream for ProxySide {
    type Item = Result<CrdtStreamOut, UserFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(cx).map(|message| {
            message.map(|message| {
                message.map(|message| CrdtStreamOut {
                    message: Some(message),
                })
            })
        })
    }
}

impl UserSide {
    /// What the proxy said next; `None` when it has half-closed the stream.
    pub(crate) async fn next(&mut self) -> Option<In> {
        tokio::time::timeout(SOON, self.incoming.recv())
            .await
            .expect("the proxy says something soon")
            .expect("the stream is open")
    }

    /// Like [`next`](Self::next), however long it takes; nothing once the proxy has gone.
    pub(crate) async fn next_or_end(&mut self) -> Option<Option<In>> {
        self.incoming.recv().await
    }

    /// The start of the stream: the entity's id, and what is known of it.
    pub(crate) async fn init(&mut self) -> (String, Option<CrdtDelta>) {
        match self.next().await {
            Some(In::Init(init)) => {
                assert_eq!(init.service_name, "test.room.Room");
                (init.entity_id, init.delta)
            }
            other => panic!("{other:?} instead of init"),
        }
    }

    pub(crate) async fn command(&mut self) -> Command {
        match self.next().await {
            Some(In::Command(command)) => command,
            other => panic!("{other:?} instead of a command"),
        }
    }

    pub(crate) async fn delta(&mut self) -> CrdtDelta {
        match self.next().await {
            Some(In::Delta(delta)) => delta,
            other => panic!("{other:?} instead of a delta"),
        }
    }

    /// The id of the streamed command whose client has gone away.
    pub(crate) async fn cancelled(&mut self) -> i64 {
        match self.next().await {
            Some(In::StreamCancelled(cancelled)) => cancelled.id,
            other => panic!("{other:?} instead of a cancellation"),
        }
    }

    /// The proxy half-closes the stream, and the user function completes it.
    pub(crate) async fn complete(&mut self) {
        assert_eq!(self.next().await, None);
        self.end();
    }

    /// Says nothing more.
    pub(crate) fn end(&mut self) {
        self.outgoing = None;
    }

    pub(crate) fn say(&self, message: Out) {
        let outgoing = self.outgoing.as_ref().expect("the stream is open");
        let _ = outgoing.send(Ok(message));
    }

    pub(crate) fn reply(&self, reply: CrdtReply) {
        self.say(Out::Reply(reply));
    }

    pub(crate) fn message(&self, message: CrdtStreamedMessage) {
        self.say(Out::StreamedMessage(message));
    }

    pub(crate) fn cancel_answer(&self, command_id: i64, change: Option<CrdtStateAction>) {
        self.say(Out::StreamCancelledResponse(CrdtStreamCancelledResponse {
            command_id,
            side_effects: Vec::new(),
            state_action: change,
        }));
    }
}

/// A reply with this text and no change.
pub(crate) fn reply(command_id: i64, text: &str) -> CrdtReply {
    CrdtReply {
        command_id,
        client_action: Some(answer(text)),
        ..CrdtReply::default()
    }
}

/// A reply with this text and this change.
pub(crate) fn change(command_id: i64, text: &str, delta: CrdtDelta) -> CrdtReply {
    CrdtReply {
        state_action: Some(update(delta)),
        ..reply(command_id, text)
    }
}

/// A reply with this text that more are to follow.
pub(crate) fn streamed(command_id: i64, text: &str) -> CrdtReply {
    CrdtReply {
        streamed: true,
        ..reply(command_id, text)
    }
}

pub(crate) fn refusal(command_id: i64, description: &str) -> CrdtReply {
    CrdtReply {
        command_id,
        client_action: Some(failure(description)),
        ..CrdtReply::default()
    }
}

/// A further message with this text.
pub(crate) fn message(command_id: i64, text: &str) -> CrdtStreamedMessage {
    CrdtStreamedMessage {
        command_id,
        client_action: Some(answer(text)),
        ..CrdtStreamedMessage::default()
    }
}

pub(crate) fn update(delta: CrdtDelta) -> CrdtStateAction {
    CrdtStateAction {
        action: Some(StateAction::Update(delta)),
        ..CrdtStateAction::default()
    }
}

pub(crate) fn deletion(command_id: i64, text: &str) -> CrdtReply {
    CrdtReply {
        state_action: Some(CrdtStateAction {
            action: Some(StateAction::Delete(CrdtDelete {})),
            ..CrdtStateAction::default()
        }),
        ..reply(command_id, text)
    }
}

pub(crate) fn failure(description: &str) -> ClientAction {
    ClientAction {
        action: Some(Action::Failure(Failure {
            description: description.into(),
            ..Failure::default()
        })),
    }
}

fn answer(text: &str) -> ClientAction {
    ClientAction {
        action: Some(Action::Reply(Reply {
            payload: Some(Any {
                type_url: "type.googleapis.com/test.room.Response".into(),
                value: field(1, text).into(),
            }),
            metadata: None,
        })),
    }
}

/// Text as a field of a message.
pub(crate) fn field(number: u8, text: &str) -> Vec<u8> {
    if text.is_empty() {
        return Vec::new();
    }
    let len = u8::try_from(text.len()).unwrap();
    [&[number << 3 | 2, len], text.as_bytes()].concat()
}
