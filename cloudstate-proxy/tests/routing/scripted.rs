//! A user function that does what a test says, and records what the proxy does with it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Entity, EntityPassivationStrategy, EntitySpec, Failure, ProxyInfo,
        Reply, ServiceInfo, TimeoutPassivationStrategy,
        client_action::Action,
        entity_passivation_strategy::Strategy,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
    },
    version,
};
use cloudstate_proxy::user_function::{EventSourcedConnection, UserFunction, UserFunctionError};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, future::BoxFuture};
use tokio::sync::mpsc;

/// What a stream does next.
#[allow(clippy::large_enum_variant, reason = "one at a time, in tests")]
pub(crate) enum Say {
    /// Sends a message.
    Message(Out),
    /// Completes the stream.
    End,
    /// Says nothing.
    Nothing,
}

type Script = dyn Fn(&In) -> Say + Send + Sync;

/// What the proxy did, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Opened,
    In(In),
    Closed,
    Report(String),
}

/// A user function that answers every message as `script` says.
pub(crate) struct Scripted {
    spec: EntitySpec,
    script: Arc<Script>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl Scripted {
    /// `passivate_after` in milliseconds applies to both services.
    pub(crate) fn new(
        passivate_after: i64,
        script: impl Fn(&In) -> Say + Send + Sync + 'static,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Seen>) {
        let (seen, record) = mpsc::unbounded_channel();
        let timeout = TimeoutPassivationStrategy {
            timeout: passivate_after,
        };
        let entity = |name: &str| Entity {
            entity_type: version::EVENT_SOURCED.into(),
            service_name: format!("test.counter.{name}"),
            persistence_id: name.to_lowercase(),
            passivation_strategy: Some(EntityPassivationStrategy {
                strategy: Some(Strategy::Timeout(timeout)),
            }),
        };
        let spec = EntitySpec {
            proto: crate::pool::descriptor_set(include_str!("../proto/counter.proto")).into(),
            entities: vec![entity("Counter"), entity("Other")],
            service_info: Some(ServiceInfo {
                protocol_major_version: version::MAJOR,
                protocol_minor_version: version::MINOR,
                ..ServiceInfo::default()
            }),
        };
        (
            Arc::new(Self {
                spec,
                script: Arc::new(script),
                seen,
            }),
            record,
        )
    }

    pub(crate) fn spec(&self) -> &EntitySpec {
        &self.spec
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl UserFunction for Scripted {
    fn discover(&self, _proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        async { Ok(self.spec.clone()) }.boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        let _ = self.seen.send(Seen::Report(message));
        async {}.boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        let _ = self.seen.send(Seen::Opened);
        let stream = ScriptedStream {
            script: Arc::clone(&self.script),
            seen: self.seen.clone(),
            state: Mutex::new(State::default()),
        };
        let connection: EventSourcedConnection = Box::pin(
            stream
                .map(Ok)
                .sink_map_err(|never: Infallible| match never {}),
        );
        async move { Ok(connection) }.boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

struct ScriptedStream {
    script: Arc<Script>,
    seen: mpsc::UnboundedSender<Seen>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outgoing: VecDeque<Out>,
    ended: bool,
    reader: Option<Waker>,
}

impl Sink<EventSourcedStreamIn> for ScriptedStream {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: EventSourcedStreamIn) -> Result<(), Infallible> {
        let message = message.message.expect("the proxy sends no empty messages");
        let _ = self.seen.send(Seen::In(message.clone()));
        let mut state = self.state.lock().unwrap();
        match (self.script)(&message) {
            Say::Message(out) => state.outgoing.push_back(out),
            Say::End => state.ended = true,
            Say::Nothing => {}
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let _ = self.seen.send(Seen::Closed);
        let mut state = self.state.lock().unwrap();
        state.ended = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for ScriptedStream {
    type Item = EventSourcedStreamOut;

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<EventSourcedStreamOut>> {
        let mut state = self.state.lock().unwrap();
        if let Some(out) = state.outgoing.pop_front() {
            return Poll::Ready(Some(EventSourcedStreamOut { message: Some(out) }));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Text of a test request or response: field 2 or 1, as bytes on the wire.
pub(crate) fn message(field: u8, text: &str) -> Vec<u8> {
    if text.is_empty() {
        return Vec::new();
    }
    let len = u8::try_from(text.len()).unwrap();
    [&[field << 3 | 2, len], text.as_bytes()].concat()
}

/// The `text` of the request that a command carries.
pub(crate) fn text_of(command: &Command) -> String {
    let bytes = &command.payload.as_ref().unwrap().value;
    let id_len = usize::from(bytes[1]);
    let rest = &bytes[2 + id_len..];
    rest.get(2..).map_or_else(String::new, |text| {
        String::from_utf8(text.to_vec()).unwrap()
    })
}

pub(crate) fn event(text: &str) -> Any {
    Any {
        type_url: "type.googleapis.com/test.Event".into(),
        value: text.to_owned().into(),
    }
}

pub(crate) fn response(text: &str) -> Any {
    Any {
        type_url: "type.googleapis.com/test.counter.Response".into(),
        value: message(1, text).into(),
    }
}

/// A reply with this response text, storing these events.
pub(crate) fn reply(command: &Command, text: &str, events: &[&str]) -> EventSourcedReply {
    EventSourcedReply {
        command_id: command.id,
        client_action: action(Action::Reply(Reply {
            payload: Some(response(text)),
            metadata: None,
        })),
        events: events.iter().map(|text| event(text)).collect(),
        ..EventSourcedReply::default()
    }
}

pub(crate) fn refusal(command: &Command, description: &str, restart: bool) -> EventSourcedReply {
    let failure = Failure {
        command_id: command.id,
        description: description.into(),
        restart,
    };
    EventSourcedReply {
        command_id: command.id,
        client_action: action(Action::Failure(failure)),
        ..EventSourcedReply::default()
    }
}

pub(crate) fn action(action: Action) -> Option<ClientAction> {
    Some(ClientAction {
        action: Some(action),
    })
}
