//! A user function that does what a test says, and records what the proxy does with it.

#[path = "stream.rs"]
pub(crate) mod stream;

use std::{fmt, sync::Arc};

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
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::mpsc;

/// What a stream does next.
pub(crate) type Say = stream::Say<Out>;

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
        let (script, seen) = (Arc::clone(&self.script), self.seen.clone());
        let connection = stream::connection(move |message: Option<EventSourcedStreamIn>| {
            let Some(message) = message else {
                let _ = seen.send(Seen::Closed);
                return stream::Say::End;
            };
            let message = message.message.expect("the proxy sends no empty messages");
            let _ = seen.send(Seen::In(message.clone()));
            match script(&message) {
                Say::Message(out) => {
                    stream::Say::Message(EventSourcedStreamOut { message: Some(out) })
                }
                Say::End => stream::Say::End,
                Say::Nothing => stream::Say::Nothing,
            }
        });
        async move { Ok(connection) }.boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }

    fn speaks_unasked(&self) -> bool {
        false
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
