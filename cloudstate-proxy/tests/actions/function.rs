//! A user function whose actions do what the text of a request says, and which records what it sees.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        Entity, EntitySpec, Failure, Forward, Metadata, MetadataEntry, ProxyInfo, Reply,
        ServiceInfo, SideEffect,
        action::{ActionCommand, ActionResponse, action_response::Response},
        metadata_entry::Value,
    },
    google::api::HttpBody,
    version,
};
use cloudstate_proxy::user_function::{
    ActionCall, ActionCommands, ActionResponses, EventSourcedConnection, UserFunction,
    UserFunctionError,
};
use futures_util::{
    FutureExt, StreamExt,
    future::{self, BoxFuture, ready},
    stream,
};
use prost::Message;
use tokio::sync::mpsc;

use crate::client::Text;

/// What the user function sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Command(ActionCommand),
    /// The client of a call has sent everything.
    End,
    /// A call is over, for whatever reason.
    Dropped,
    Report(String),
}

#[derive(Debug)]
pub(crate) struct Actions {
    pulled: Arc<AtomicUsize>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl Actions {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Seen>) {
        let (seen, record) = mpsc::unbounded_channel();
        let pulled = Arc::default();
        (Arc::new(Self { pulled, seen }), record)
    }

    /// How many messages of `endless` were asked for.
    pub(crate) fn pulled(&self) -> usize {
        self.pulled.load(Ordering::Relaxed)
    }

    fn sees(&self, seen: Seen) {
        let _ = self.seen.send(seen);
    }

    /// Records what comes, and its end, and gives the texts.
    fn texts(&self, commands: ActionCommands) -> stream::BoxStream<'static, String> {
        let seen = self.seen.clone();
        let recorded = commands.inspect({
            let seen = seen.clone();
            move |command| {
                let _ = seen.send(Seen::Command(command.clone()));
            }
        });
        let end = stream::once(async move {
            let _ = seen.send(Seen::End);
        });
        recorded
            .filter_map(|command| ready(command.payload.map(|payload| text_of(&payload))))
            .chain(end.filter_map(|()| ready(None)))
            .boxed()
    }
}

/// Says when it is dropped.
struct Guard(mpsc::UnboundedSender<Seen>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(Seen::Dropped);
    }
}

impl UserFunction for Actions {
    fn discover(&self, _proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        let entity = |name: &str| Entity {
            entity_type: version::ACTION.into(),
            service_name: format!("test.shapes.{name}"),
            // Nothing is kept under it, so that it may be any.
            persistence_id: String::new(),
            passivation_strategy: None,
        };
        let spec = EntitySpec {
            proto: crate::pool::descriptor_set(include_str!("../proto/shapes.proto")).into(),
            entities: vec![entity("Shapes"), entity("Second")],
            service_info: Some(ServiceInfo {
                protocol_major_version: version::MAJOR,
                protocol_minor_version: version::MINOR,
                ..ServiceInfo::default()
            }),
        };
        ready(Ok(spec)).boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        self.sees(Seen::Report(message));
        ready(()).boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        unreachable!("there are no entities")
    }

    fn action(&self, command: ActionCommand) -> ActionCall {
        let text = text_of(command.payload.as_ref().unwrap());
        let metadata = command.metadata.clone();
        self.sees(Seen::Command(command));
        match text.as_str() {
            "never" => {
                let guard = Guard(self.seen.clone());
                async move {
                    let _guard = guard;
                    future::pending().await
                }
                .boxed()
            }
            "headers" => {
                let response = Reply {
                    payload: Some(response("headers")),
                    metadata,
                };
                ready(Ok(Response::Reply(response).into_message())).boxed()
            }
            text => ready(respond(text)).boxed(),
        }
    }

    fn action_streamed_in(&self, commands: ActionCommands) -> ActionCall {
        let texts = self.texts(commands);
        let guard = Guard(self.seen.clone());
        async move {
            let _guard = guard;
            let texts: Vec<String> = texts.collect().await;
            respond(&texts.join("+"))
        }
        .boxed()
    }

    fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
        let text = text_of(command.payload.as_ref().unwrap());
        let raw = command.name == "Raw";
        self.sees(Seen::Command(command));
        let guard = Guard(self.seen.clone());
        if text == "endless" {
            let (pulled, text) = (Arc::clone(&self.pulled), "x".repeat(1 << 14));
            return stream::repeat_with(move || {
                let _ = &guard;
                pulled.fetch_add(1, Ordering::Relaxed);
                respond(&text)
            })
            .boxed();
        }
        let texts: Vec<String> = text.split(',').map(str::to_owned).collect();
        stream::iter(texts)
            .then(move |text| {
                let _ = &guard;
                async move {
                    match text.as_str() {
                        "wait" => future::pending().await,
                        text if raw => Ok(raw_response(text)),
                        text => respond(text),
                    }
                }
            })
            .boxed()
    }

    fn action_streamed(&self, commands: ActionCommands) -> ActionResponses {
        let guard = Guard(self.seen.clone());
        self.texts(commands)
            .map(move |text| {
                let _ = &guard;
                respond(&text)
            })
            .boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

/// `fail` and a text refuses, `forward` and `stream` and a text forward, `effect` and a text has one, `metadata` and a text
/// has it as the header `x-said`, `break` breaks off, `quiet` says nothing; everything else is said.
fn respond(text: &str) -> Result<ActionResponse, UserFunctionError> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let forward = |command_name: &str| {
        Response::Forward(Forward {
            service_name: "test.shapes.Second".into(),
            command_name: command_name.into(),
            payload: Some(request(rest)),
            metadata: None,
        })
    };
    let mut message = match word {
        "break" => return Err(UserFunctionError::new("it broke")),
        "quiet" => ActionResponse::default(),
        "fail" => Response::Failure(Failure {
            description: rest.into(),
            ..Failure::default()
        })
        .into_message(),
        "forward" => forward("One").into_message(),
        "stream" => forward("Out").into_message(),
        _ => Response::Reply(Reply {
            payload: Some(response(text)),
            metadata: (word == "metadata").then(|| header("x-said", rest)),
        })
        .into_message(),
    };
    if word == "effect" {
        message.side_effects.push(SideEffect {
            service_name: "test.shapes.Second".into(),
            command_name: "One".into(),
            payload: Some(request(rest)),
            synchronous: true,
            metadata: None,
        });
    }
    Ok(message)
}

fn raw_response(text: &str) -> ActionResponse {
    let body = HttpBody {
        content_type: "text/plain".into(),
        data: text.to_owned().into(),
        extensions: Vec::new(),
    };
    let payload = Any {
        type_url: "type.googleapis.com/google.api.HttpBody".into(),
        value: body.encode_to_vec().into(),
    };
    let reply = Reply {
        payload: Some(payload),
        metadata: Some(header("x-first", text)),
    };
    Response::Reply(reply).into_message()
}

fn header(name: &str, text: &str) -> Metadata {
    Metadata {
        entries: vec![MetadataEntry {
            key: name.into(),
            value: Some(Value::StringValue(text.into())),
        }],
    }
}

trait IntoMessage {
    fn into_message(self) -> ActionResponse;
}

impl IntoMessage for Response {
    fn into_message(self) -> ActionResponse {
        ActionResponse {
            response: Some(self),
            side_effects: Vec::new(),
        }
    }
}

pub(crate) fn text_of(payload: &Any) -> String {
    Text::decode(payload.value.clone()).unwrap().text
}

pub(crate) fn request(text: &str) -> Any {
    any("Request", text)
}

fn response(text: &str) -> Any {
    any("Response", text)
}

fn any(name: &str, text: &str) -> Any {
    Any {
        type_url: format!("type.googleapis.com/test.shapes.{name}").into(),
        value: Text { text: text.into() }.encode_to_vec().into(),
    }
}
