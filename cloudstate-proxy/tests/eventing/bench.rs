//! A whole proxy with a user function that says what it is told, and answers as it is told to.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Entity, EntitySpec, Failure, Forward, Metadata, MetadataEntry,
        ProxyInfo, Reply, ServiceInfo, SideEffect,
        action::{ActionCommand, ActionResponse, action_response::Response},
        client_action::Action,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
        metadata_entry::Value,
        valueentity::{
            ValueEntityAction, ValueEntityReply, ValueEntityStreamIn, ValueEntityStreamOut,
            ValueEntityUpdate, value_entity_action, value_entity_stream_in as value_in,
            value_entity_stream_out as value_out,
        },
    },
    version,
};
use cloudstate_proxy::{
    Proxy, Settings,
    user_function::{
        ActionCall, ActionResponses, EventSourcedConnection, Link, UserFunction, UserFunctionError,
        ValueEntityConnection,
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, future::ready};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
};

use crate::{
    pool,
    stream::{Say, connection},
};

/// How long a test waits for something that should happen at once.
const SOON: Duration = Duration::from_secs(30);

pub(crate) const PROTO: &str = include_str!("../proto/eventing.proto");

pub(crate) const HAPPENED: &str = "type.googleapis.com/test.eventing.Happened";
pub(crate) const OTHER: &str = "type.googleapis.com/test.eventing.Other";

#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    text: String,
}

/// Handlers that fail over some words as long as `failing` is more than nothing: `refuse`, `break` and `away` say how.
#[derive(Debug)]
struct Function {
    told: mpsc::UnboundedSender<ActionCommand>,
    failing: Arc<AtomicUsize>,
    proto: Mutex<String>,
    link: watch::Sender<Link>,
}

impl Function {
    fn fails(&self) -> bool {
        let left = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        self.failing.try_update(order, order, left).is_ok()
    }
}

impl UserFunction for Function {
    fn discover(&self, _proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        let entity = |entity_type: &str, name: &str, persistence_id: &str| Entity {
            entity_type: entity_type.into(),
            service_name: format!("test.eventing.{name}"),
            persistence_id: persistence_id.into(),
            passivation_strategy: None,
        };
        let actions = ["Listener", "Speaker", "Reader", "Relay", "Ear", "Picky"]
            .map(|name| entity(version::ACTION, name, ""));
        let entities = [
            entity(version::EVENT_SOURCED, "Source", "source"),
            entity(version::VALUE_ENTITY, "Register", "register"),
        ];
        ready(Ok(EntitySpec {
            proto: pool::descriptor_set(&self.proto.lock().unwrap()).into(),
            entities: entities.into_iter().chain(actions).collect(),
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

    fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
        let connection = connection(|message: Option<ValueEntityStreamIn>| {
            let Some(message) = message else {
                return Say::End;
            };
            let Some(value_in::Message::Command(command)) = message.message else {
                return Say::Nothing;
            };
            Say::Message(ValueEntityStreamOut {
                message: Some(value_out::Message::Reply(set(&command))),
            })
        });
        ready(Ok(connection)).boxed()
    }

    fn action(&self, command: ActionCommand) -> ActionCall {
        let text = text_of(&command);
        let method = command.name.clone();
        let _ = self.told.send(command);
        ready(match text.as_str() {
            text if text.starts_with("refuse") && self.fails() => {
                respond(Response::Failure(Failure {
                    description: "not this one".into(),
                    ..Failure::default()
                }))
            }
            "break" if self.fails() => Err(UserFunctionError::new("it broke")),
            "away" if self.fails() => Err(UserFunctionError::unreachable("nobody is there")),
            text => respond(answer(&method, text)),
        })
        .boxed()
    }

    fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
        let (text, method) = (text_of(&command), command.name.clone());
        let _ = self.told.send(command);
        let replies: Vec<_> = if method == "Split" {
            let words = text.split(' ');
            words
                .map(|word| respond(Response::Reply(reply(HAPPENED, word))))
                .collect()
        } else {
            vec![respond(Response::Reply(empty())); 2]
        };
        futures_util::stream::iter(replies).boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }

    fn link(&self) -> Option<watch::Receiver<Link>> {
        Some(self.link.subscribe())
    }
}

fn respond(response: Response) -> Result<ActionResponse, UserFunctionError> {
    let side_effects = match &response {
        // Out of this another call follows, whose reply is not published.
        Response::Reply(reply) if reply.metadata.is_some() => vec![SideEffect {
            service_name: "test.eventing.Speaker".into(),
            command_name: "Tell".into(),
            payload: Some(any(HAPPENED, "an effect")),
            synchronous: true,
            metadata: None,
        }],
        _ => Vec::new(),
    };
    Ok(ActionResponse {
        response: Some(response),
        side_effects,
    })
}

fn answer(method: &str, text: &str) -> Response {
    let forward = |service: &str, command: &str, payload| {
        Response::Forward(Forward {
            service_name: format!("test.eventing.{service}"),
            command_name: command.into(),
            payload: Some(payload),
            metadata: None,
        })
    };
    match method {
        "Tell" => Response::Reply(reply(HAPPENED, text)),
        "Relay" => Response::Reply(reply(HAPPENED, &format!("{text} again"))),
        "Pass" => forward("Speaker", "Tell", any(HAPPENED, text)),
        "Delegate" => {
            let (id, text) = ("delegated".into(), text.into());
            let payload = Any {
                type_url: "type.googleapis.com/test.eventing.Command".into(),
                value: Request { id, text }.encode_to_vec().into(),
            };
            forward("Source", "Announce", payload)
        }
        "TellOther" => {
            let entry = |key: &str, value: &str| MetadataEntry {
                key: key.into(),
                value: Some(Value::StringValue(value.into())),
            };
            let entries = vec![entry("ce-id", "mine"), entry("ce-extra", "more")];
            Response::Reply(Reply {
                metadata: Some(Metadata { entries }),
                ..reply(OTHER, text)
            })
        }
        "TellJson" => {
            let json = Any {
                type_url: "json.cloudstate.io/thing".into(),
                value: text.to_owned().into(),
            };
            let payload = Any {
                type_url: "type.googleapis.com/google.protobuf.Any".into(),
                value: json.encode_to_vec().into(),
            };
            Response::Reply(Reply {
                payload: Some(payload),
                metadata: None,
            })
        }
        _ => Response::Reply(empty()),
    }
}

/// An event for each word; a word in braces is JSON.
fn emit(command: &Command) -> EventSourcedReply {
    let request = Request::decode(command.payload.as_ref().unwrap().value.clone()).unwrap();
    let events = request.text.split(' ').map(|word| {
        if word.starts_with('{') {
            return Any {
                type_url: "json.cloudstate.io/thing".into(),
                value: word.to_owned().into(),
            };
        }
        any(HAPPENED, word)
    });
    let reply = match command.name.as_str() {
        "Announce" => reply(HAPPENED, &request.text),
        _ => empty(),
    };
    EventSourcedReply {
        command_id: command.id,
        client_action: Some(ClientAction {
            action: Some(Action::Reply(reply)),
        }),
        events: events.collect(),
        ..EventSourcedReply::default()
    }
}

/// What it is told is the value; `refuse` is refused.
fn set(command: &Command) -> ValueEntityReply {
    let request = Request::decode(command.payload.as_ref().unwrap().value.clone()).unwrap();
    let refused = request.text == "refuse";
    let action = if refused {
        Action::Failure(Failure {
            command_id: command.id,
            description: "not this one".into(),
            ..Failure::default()
        })
    } else {
        Action::Reply(reply(HAPPENED, &request.text))
    };
    let update = ValueEntityAction {
        action: Some(value_entity_action::Action::Update(ValueEntityUpdate {
            value: Some(any(HAPPENED, &request.text)),
        })),
    };
    ValueEntityReply {
        command_id: command.id,
        client_action: Some(ClientAction {
            action: Some(action),
        }),
        state_action: (!refused).then_some(update),
        ..ValueEntityReply::default()
    }
}

fn any(type_url: &str, text: &str) -> Any {
    let text = text.to_owned();
    Any {
        type_url: type_url.into(),
        value: Text { text }.encode_to_vec().into(),
    }
}

fn reply(type_url: &str, text: &str) -> Reply {
    Reply {
        payload: Some(any(type_url, text)),
        metadata: None,
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

pub(crate) fn text_of(command: &ActionCommand) -> String {
    text_in(command.payload.as_ref().unwrap())
}

pub(crate) fn text_in(payload: &Any) -> String {
    if payload.type_url.starts_with("json.") {
        return String::from_utf8(payload.value.to_vec()).unwrap();
    }
    Text::decode(payload.value.clone()).unwrap().text
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) struct Bench {
    pub(crate) proxy: Proxy,
    told: mpsc::UnboundedReceiver<ActionCommand>,
    /// What others than the one who was asked for have been told.
    aside: VecDeque<ActionCommand>,
    failing: Arc<AtomicUsize>,
    function: Arc<Function>,
}

impl Bench {
    /// Handlers fail `failing` times over words that make them fail, and may fail `attempts` times over one message.
    pub(crate) async fn new(store: &Path, failing: usize, attempts: u32) -> Self {
        Self::with_flags(store, failing, attempts, &[]).await
    }

    /// The same, with these flags on top.
    pub(crate) async fn with_flags(
        store: &Path,
        failing: usize,
        attempts: u32,
        flags: &[&str],
    ) -> Self {
        let store = format!("--store={}", store.display());
        let attempts = format!("--eventing-attempts={attempts}");
        let always = [
            "test",
            "--http-host=127.0.0.1",
            "--http-port=0",
            "--metrics-port=0",
            &store,
            &attempts,
        ];
        let settings = Arguments::parse_from(always.iter().chain(flags)).settings;
        let (sender, told) = mpsc::unbounded_channel();
        let failing = Arc::new(AtomicUsize::new(failing));
        let function = Arc::new(Function {
            told: sender,
            failing: Arc::clone(&failing),
            proto: Mutex::new(PROTO.into()),
            link: watch::Sender::new(Link { made: 1, up: true }),
        });
        let proxy = Proxy::start(Arc::clone(&function) as _, &settings)
            .await
            .unwrap();
        Self {
            proxy,
            told,
            aside: VecDeque::new(),
            failing,
            function,
        }
    }

    /// The user function is restarted with another `.proto`.
    pub(crate) fn restart_with(&self, proto: String) {
        *self.function.proto.lock().unwrap() = proto;
        self.function.link.send_modify(|link| link.made += 1);
    }

    /// From now on handlers fail this often.
    pub(crate) fn fail(&self, times: usize) {
        self.failing.store(times, Ordering::Relaxed);
    }

    pub(crate) async fn stop(self) -> mpsc::UnboundedReceiver<ActionCommand> {
        self.proxy.stop().await.unwrap();
        self.told
    }

    /// Stops, and gives the service and the text of everything that has been told and not been asked for, in order.
    pub(crate) async fn stop_telling(self) -> Vec<(String, String)> {
        self.proxy.stop().await.unwrap();
        drop(self.function);
        let (mut told, mut rest) = (self.told, self.aside);
        while let Some(command) = told.recv().await {
            rest.push_back(command);
        }
        rest.iter()
            .map(|command| (command.service_name.clone(), text_of(command)))
            .collect()
    }

    pub(crate) async fn emit(&self, id: &str, words: &str) {
        let body = serde_json::json!({ "id": id, "text": words });
        self.post("Source/Emit", body, 200).await;
    }

    /// Calls a method, and asserts the status.
    pub(crate) async fn post(&self, method: &str, body: serde_json::Value, status: u16) -> String {
        let mut connection = TcpStream::connect(self.proxy.address()).await.unwrap();
        let body = body.to_string();
        let request = format!(
            "POST /test.eventing.{method} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        answer
    }

    /// What a GET is answered with.
    pub(crate) async fn get(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(self.proxy.address()).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// What the operators' port answers to a request with these header lines, each with its end.
    pub(crate) async fn operate(&self, request: &str, headers: &str) -> String {
        let address = self.proxy.metrics_address().unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: 0\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The next thing that a service is told.
    pub(crate) async fn next(&mut self, service: &str) -> ActionCommand {
        let service = format!("test.eventing.{service}");
        let is_its = |command: &ActionCommand| command.service_name == service;
        if let Some(found) = self.aside.iter().position(is_its) {
            return self.aside.remove(found).unwrap();
        }
        loop {
            let command = tokio::time::timeout(SOON, self.told.recv())
                .await
                .unwrap_or_else(|_| panic!("{service} is told something soon"))
                .unwrap();
            if is_its(&command) {
                return command;
            }
            self.aside.push_back(command);
        }
    }

    /// Asserts the texts of the next things that a service is told.
    pub(crate) async fn expect(&mut self, service: &str, texts: &[&str]) {
        for &text in texts {
            assert_eq!(text_of(&self.next(service).await), text, "{service}");
        }
    }
}

pub(crate) fn attribute<'a>(metadata: &'a Metadata, key: &str) -> &'a str {
    let entry = metadata.entries.iter().find(|entry| entry.key == key);
    match &entry.expect(key).value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}
