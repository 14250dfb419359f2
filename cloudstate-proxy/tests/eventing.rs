//! Subscriptions through a whole proxy: an entity's events reach an action, each, in order, and not again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/stream.rs"]
mod stream;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Entity, EntitySpec, Failure, Metadata, ProxyInfo, Reply,
        ServiceInfo,
        action::{ActionCommand, ActionResponse, action_response::Response},
        client_action::Action,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
        metadata_entry::Value,
    },
    version,
};
use cloudstate_proxy::{
    Proxy, Settings,
    user_function::{
        ActionCall, ActionResponses, EventSourcedConnection, UserFunction, UserFunctionError,
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, future::ready};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use stream::{Say, connection};

/// How long a test waits for something that should happen at once.
const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, PartialEq, Message)]
struct Happened {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct Emit {
    #[prost(string, tag = "2")]
    text: String,
}

/// An entity that emits what it is told, and an action that says what it is told.
#[derive(Debug)]
struct Function {
    told: mpsc::UnboundedSender<ActionCommand>,
    breaking: AtomicUsize,
}

impl UserFunction for Function {
    fn discover(&self, _proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        let entity = |entity_type: &str, name: &str, persistence_id: &str| Entity {
            entity_type: entity_type.into(),
            service_name: format!("test.eventing.{name}"),
            persistence_id: persistence_id.into(),
            passivation_strategy: None,
        };
        ready(Ok(EntitySpec {
            proto: pool::descriptor_set(include_str!("proto/eventing.proto")).into(),
            entities: vec![
                entity(version::EVENT_SOURCED, "Source", "source"),
                entity(version::ACTION, "Listener", ""),
            ],
            service_info: Some(ServiceInfo {
                protocol_major_version: version::MAJOR,
                protocol_minor_version: version::MINOR,
                ..ServiceInfo::default()
            }),
        }))
        .boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        panic!("{message}")
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        let connection = connection(|message: Option<EventSourcedStreamIn>| {
            let Some(message) = message else {
                return Say::End;
            };
            let Some(In::Command(command)) = message.message else {
                return Say::Nothing;
            };
            Say::Message(EventSourcedStreamOut {
                message: Some(Out::Reply(emit(&command))),
            })
        });
        ready(Ok(connection)).boxed()
    }

    fn action(&self, command: ActionCommand) -> ActionCall {
        let text = text_of(&command);
        let _ = self.told.send(command);
        let breaks = || {
            let left = |left: usize| left.checked_sub(1);
            let order = Ordering::Relaxed;
            self.breaking.try_update(order, order, left).is_ok()
        };
        ready(match text.as_str() {
            "refuse" => Ok(ActionResponse {
                response: Some(Response::Failure(Failure::default())),
                side_effects: Vec::new(),
            }),
            "break" if breaks() => Err(UserFunctionError::new("it broke")),
            _ => Ok(done()),
        })
        .boxed()
    }

    fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
        let _ = self.told.send(command);
        futures_util::stream::iter([Ok(done()), Ok(done())]).boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

/// An event for each word; a word in braces is JSON.
fn emit(command: &Command) -> EventSourcedReply {
    let request = Emit::decode(command.payload.as_ref().unwrap().value.clone()).unwrap();
    let events = request.text.split(' ').map(|word| {
        if word.starts_with('{') {
            return Any {
                type_url: "json.cloudstate.io/thing".into(),
                value: word.to_owned().into(),
            };
        }
        let text = word.to_owned();
        Any {
            type_url: "type.googleapis.com/test.eventing.Happened".into(),
            value: Happened { text }.encode_to_vec().into(),
        }
    });
    EventSourcedReply {
        command_id: command.id,
        client_action: Some(ClientAction {
            action: Some(Action::Reply(empty())),
        }),
        events: events.collect(),
        ..EventSourcedReply::default()
    }
}

fn done() -> ActionResponse {
    ActionResponse {
        response: Some(Response::Reply(empty())),
        side_effects: Vec::new(),
    }
}

fn empty() -> Reply {
    Reply {
        payload: Some(Any {
            type_url: "type.googleapis.com/google.protobuf.Empty".into(),
            ..Any::default()
        }),
        metadata: None,
    }
}

fn text_of(command: &ActionCommand) -> String {
    let payload = command.payload.as_ref().unwrap();
    if payload.type_url.starts_with("json.") {
        return String::from_utf8(payload.value.to_vec()).unwrap();
    }
    Happened::decode(payload.value.clone()).unwrap().text
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

struct Bench {
    proxy: Proxy,
    told: mpsc::UnboundedReceiver<ActionCommand>,
}

impl Bench {
    async fn new(store: &Path, breaking: usize) -> Self {
        let store = format!("--store={}", store.display());
        let flags = ["test", "--http-host=127.0.0.1", "--http-port=0", &store];
        let settings = Arguments::parse_from(flags).settings;
        let (sender, told) = mpsc::unbounded_channel();
        let function = Function {
            told: sender,
            breaking: AtomicUsize::new(breaking),
        };
        let proxy = Proxy::start(Arc::new(function), &settings).await.unwrap();
        Self { proxy, told }
    }

    async fn emit(&self, id: &str, words: &str) {
        let mut connection = TcpStream::connect(self.proxy.address()).await.unwrap();
        let body = serde_json::json!({ "id": id, "text": words }).to_string();
        let request = format!(
            "POST /test.eventing.Source/Emit HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    async fn next(&mut self) -> ActionCommand {
        tokio::time::timeout(SOON, self.told.recv())
            .await
            .expect("an event comes soon")
            .unwrap()
    }

    /// Asserts the texts of the next events.
    async fn expect(&mut self, texts: &[&str]) {
        for &text in texts {
            assert_eq!(text_of(&self.next().await), text);
        }
    }
}

fn attribute<'a>(metadata: &'a Metadata, key: &str) -> &'a str {
    let entry = metadata.entries.iter().find(|entry| entry.key == key);
    match &entry.expect(key).value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test]
async fn each_event_is_told_in_order_with_where_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0).await;
    bench.emit("a", "one {\"two\":2}").await;
    bench.emit("b", "three").await;
    let json = "{\"two\":2}";
    for (number, method, subject, type_url, text) in [
        (
            1,
            "OnHappened",
            "a",
            "type.googleapis.com/test.eventing.Happened",
            "one",
        ),
        (2, "OnAnything", "a", "json.cloudstate.io/thing", json),
        (
            3,
            "OnHappened",
            "b",
            "type.googleapis.com/test.eventing.Happened",
            "three",
        ),
    ] {
        let command = bench.next().await;
        assert_eq!(command.service_name, "test.eventing.Listener");
        assert_eq!((&*command.name, &*text_of(&command)), (method, text));
        assert_eq!(command.payload.unwrap().type_url, type_url);
        let metadata = command.metadata.unwrap();
        let number = number.to_string();
        for (key, value) in [
            ("ce-id", number.as_str()),
            ("ce-source", "source"),
            ("ce-specversion", "1.0"),
            ("ce-type", type_url),
            ("ce-subject", subject),
            ("Content-Type", "application/vnd.cloudstate.protobuf.any"),
        ] {
            assert_eq!(attribute(&metadata, key), value);
        }
    }
    bench.proxy.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_handled_does_not_come_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0).await;
    bench.emit("a", "one two").await;
    bench.expect(&["one", "two"]).await;
    bench.proxy.stop().await.unwrap();
    let mut bench = Bench::new(directory.path(), 0).await;
    bench.emit("a", "three").await;
    bench.expect(&["three"]).await;
    bench.proxy.stop().await.unwrap();
    assert!(bench.told.recv().await.is_none());
}

#[tokio::test]
async fn a_refused_event_is_done_with_and_a_broken_one_is_tried_again_before_those_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 2).await;
    bench.emit("a", "refuse break next").await;
    bench
        .expect(&["refuse", "break", "break", "break", "next"])
        .await;
    bench.proxy.stop().await.unwrap();
}

#[tokio::test]
async fn an_event_that_could_not_be_handled_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 1000).await;
    bench.emit("a", "one break two").await;
    bench.expect(&["one", "break", "break"]).await;
    bench.proxy.stop().await.unwrap();
    let mut bench = Bench::new(directory.path(), 0).await;
    bench.expect(&["break", "two"]).await;
    bench.proxy.stop().await.unwrap();
}

/// More than are read, or may be forgotten, at a time.
#[tokio::test]
async fn a_long_journal_is_told_from_its_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::new(directory.path(), 0).await;
    let texts: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    bench.emit("a", &texts.join(" ")).await;
    bench.proxy.stop().await.unwrap();
    // Perhaps some have been told already; a position that was never stored is the beginning.
    let operator = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    operator
        .execute(
            "UPDATE entity SET entity_id = 'lost' WHERE persistence_id = 'cloudstate|subscription'",
            [],
        )
        .unwrap();
    drop(operator);
    let mut bench = Bench::new(directory.path(), 0).await;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    bench.expect(&texts).await;
    bench.proxy.stop().await.unwrap();
}
