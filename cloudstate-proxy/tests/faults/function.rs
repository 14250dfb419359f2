//! A user function that does what it is told, be it right or wrong. It is a process of its own: this test binary, run for
//! [`serves`].

use std::{convert::Infallible, env, io::Write, net::Ipv4Addr, process, task, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Entity, EntitySpec, ProxyInfo, Reply, ServiceInfo,
        UserFunctionError,
        action::{
            ActionCommand, ActionResponse,
            action_protocol_server::{ActionProtocol, ActionProtocolServer},
            action_response::Response as Answered,
        },
        client_action::Action,
        entity_discovery_server::{EntityDiscovery, EntityDiscoveryServer},
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
        valueentity::{
            ValueEntityReply, ValueEntityStreamIn, ValueEntityStreamOut,
            value_entity_server::{ValueEntity, ValueEntityServer},
            value_entity_stream_in::Message as ValueIn,
            value_entity_stream_out::Message as ValueOut,
        },
    },
    version,
};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, pending},
    stream::{self, BoxStream},
};
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, NamedService, StreamingService},
    transport::Server,
};

use crate::{
    client::{Entry, Said},
    pool,
    programs::{PORT, SPEC},
};

/// What it says that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// `Ledger`, event-sourced, and `Feed`, an action.
    First,
    /// `Ledger` has a method more, `Notes` is there, a value entity, and `Feed` is not.
    Grown,
    /// `Ledger` is a value entity, under the same persistence id.
    Swapped,
    /// A path with a field that is not there.
    BadPath,
    /// An event log without a name.
    BadEventing,
    /// `Ledger` twice.
    SameService,
    /// Two entities under one persistence id.
    SameId,
}

impl Spec {
    const ALL: [Self; 7] = [
        Self::First,
        Self::Grown,
        Self::Swapped,
        Self::BadPath,
        Self::BadEventing,
        Self::SameService,
        Self::SameId,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    fn entities(self) -> Vec<Entity> {
        let entity = |entity_type: &str, service: &str, persistence_id: &str| Entity {
            entity_type: entity_type.into(),
            service_name: format!("test.{service}"),
            persistence_id: persistence_id.into(),
            passivation_strategy: None,
        };
        let ledger = entity(version::EVENT_SOURCED, "Ledger", "ledger");
        let notes = |persistence_id| entity(version::VALUE_ENTITY, "Notes", persistence_id);
        let feed = entity(version::ACTION, "Feed", "");
        match self {
            Self::First | Self::BadPath | Self::BadEventing => vec![ledger, feed],
            Self::Grown => vec![ledger, notes("notes")],
            Self::Swapped => vec![entity(version::VALUE_ENTITY, "Ledger", "ledger"), feed],
            Self::SameService => vec![ledger.clone(), ledger],
            Self::SameId => vec![ledger, notes("ledger")],
        }
    }

    fn proto(self) -> String {
        let count = match self {
            Self::Grown => {
                r#"rpc Count(Entry) returns (Said) { option (google.api.http).get = "/count/{id}"; }"#
            }
            _ => "",
        };
        let option = match self {
            Self::BadPath => r#"option (google.api.http).get = "/x/{nothing}";"#,
            Self::BadEventing => "option (cloudstate.eventing).in.consumer_group = \"g\";",
            _ => "",
        };
        format!(
            r#"syntax = "proto3"; package test;
            import "cloudstate/entity_key.proto";
            import "cloudstate/eventing.proto";
            import "google/api/annotations.proto";
            message Entry {{ string id = 1 [(cloudstate.entity_key) = true]; string text = 2; }}
            message Said {{ string text = 1; }}
            service Ledger {{ rpc Add(Entry) returns (Said); {count} }}
            service Notes {{ rpc Read(Entry) returns (Said); }}
            service Feed {{ rpc Say(Entry) returns (Said) {{ {option} }} rpc Endless(Entry) returns (stream Said); rpc Fill(stream Entry) returns (Said); }}"#
        )
    }
}

/// Serves until it is killed, or its parent ends.
#[tokio::test]
#[ignore = "run by the tests below, in a process of its own"]
async fn serves() {
    let (Ok(port), Ok(spec)) = (env::var(PORT), env::var(SPEC)) else {
        return;
    };
    let spec = Spec::ALL
        .into_iter()
        .find(|one| one.name() == spec)
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().unwrap()))
        .await
        .unwrap();
    let parent = tokio::task::spawn_blocking(|| std::io::stdin().lines().last());
    say("serving");
    // Room for a stream that is not read, so that a connection which stalls is not this one.
    let serving = Server::builder()
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(64 * 1024 * 1024)
        .add_service(EntityDiscoveryServer::new(Serving(spec)))
        .add_service(ActionProtocolServer::new(Serving(spec)))
        .add_service(ValueEntityServer::new(Serving(spec)))
        .add_service(Ledgers)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::select! {
        served = serving => served.unwrap(),
        _ = parent => {}
    }
}

/// Says a line to the parent.
fn say(line: &str) {
    let line = format!("\n{line}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

struct Serving(Spec);

#[tonic::async_trait]
impl EntityDiscovery for Serving {
    async fn discover(&self, _: Request<ProxyInfo>) -> Result<Response<EntitySpec>, Status> {
        say("discovered");
        Ok(Response::new(EntitySpec {
            proto: pool::descriptor_set(&self.0.proto()).into(),
            entities: self.0.entities(),
            service_info: Some(ServiceInfo {
                protocol_major_version: version::MAJOR,
                protocol_minor_version: version::MINOR,
                ..ServiceInfo::default()
            }),
        }))
    }

    async fn report_error(
        &self,
        error: Request<UserFunctionError>,
    ) -> Result<Response<()>, Status> {
        say(&format!("report {}", error.into_inner().message));
        Ok(Response::new(()))
    }
}

#[tonic::async_trait]
impl ActionProtocol for Serving {
    type handleStreamedOutStream = BoxStream<'static, Result<ActionResponse, Status>>;
    type handleStreamedStream = BoxStream<'static, Result<ActionResponse, Status>>;

    async fn handle_unary(
        &self,
        request: Request<ActionCommand>,
    ) -> Result<Response<ActionResponse>, Status> {
        let payload = request.into_inner().payload.unwrap();
        let text = Entry::decode(payload.value).unwrap().text;
        say(&format!("got {text}"));
        match &*text {
            "hang" => pending().await,
            "die" => process::abort(),
            _ => {}
        }
        Ok(Response::new(response(&text)))
    }

    /// Reads nothing.
    async fn handle_streamed_in(
        &self,
        request: Request<Streaming<ActionCommand>>,
    ) -> Result<Response<ActionResponse>, Status> {
        say("got a stream");
        let _unread = request;
        pending().await
    }

    async fn handle_streamed_out(
        &self,
        _: Request<ActionCommand>,
    ) -> Result<Response<Self::handleStreamedOutStream>, Status> {
        let text = "x".repeat(10_000);
        let endless = stream::repeat_with(move || Ok(response(&text)));
        Ok(Response::new(endless.boxed()))
    }

    async fn handle_streamed(
        &self,
        _: Request<Streaming<ActionCommand>>,
    ) -> Result<Response<Self::handleStreamedStream>, Status> {
        Err(Status::unimplemented("nothing streams both ways"))
    }
}

fn response(text: &str) -> ActionResponse {
    ActionResponse {
        response: Some(Answered::Reply(said(text))),
        side_effects: Vec::new(),
    }
}

fn said(text: &str) -> Reply {
    let said = Said { text: text.into() };
    Reply {
        payload: Some(Any {
            type_url: "type.googleapis.com/test.Said".into(),
            value: said.encode_to_vec().into(),
        }),
        metadata: None,
    }
}

fn reply(text: &str) -> Option<ClientAction> {
    Some(ClientAction {
        action: Some(Action::Reply(said(text))),
    })
}

/// `Notes`, of which nothing is kept.
#[tonic::async_trait]
impl ValueEntity for Serving {
    type handleStream = BoxStream<'static, Result<ValueEntityStreamOut, Status>>;

    async fn handle(
        &self,
        request: Request<Streaming<ValueEntityStreamIn>>,
    ) -> Result<Response<Self::handleStream>, Status> {
        let replies = request.into_inner().filter_map(async |message| {
            let Some(ValueIn::Command(command)) = message.ok()?.message else {
                return None;
            };
            let reply = ValueEntityReply {
                command_id: command.id,
                client_action: reply("a note"),
                ..ValueEntityReply::default()
            };
            Some(Ok(ValueEntityStreamOut {
                message: Some(ValueOut::Reply(reply)),
            }))
        });
        Ok(Response::new(replies.boxed()))
    }
}

/// Answers with bytes, which may be anything.
#[derive(Clone)]
struct Ledgers;

impl NamedService for Ledgers {
    const NAME: &'static str = version::EVENT_SOURCED;
}

impl tower::Service<http::Request<Body>> for Ledgers {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        async { Ok(Grpc::new(BytesCodec).streaming(Self, request).await) }.boxed()
    }
}

impl StreamingService<EventSourcedStreamIn> for Ledgers {
    type Response = Bytes;
    type ResponseStream = BoxStream<'static, Result<Bytes, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<EventSourcedStreamIn>>) -> Self::Future {
        let state = (request.into_inner(), 0);
        let replies = stream::try_unfold(state, |(mut messages, mut count)| async move {
            while let Some(message) = messages.message().await? {
                let command = match message.message {
                    Some(In::Command(command)) => command,
                    Some(In::Event(_)) => {
                        count += 1;
                        continue;
                    }
                    Some(In::Init(_)) | None => continue,
                };
                let Some(reply) = ledger(command, &mut count).await? else {
                    return Ok(None);
                };
                return Ok(Some((reply, (messages, count))));
            }
            say("closed");
            Ok(None)
        });
        async { Ok(Response::new(replies.boxed())) }.boxed()
    }
}

/// One command of a ledger, which counts its entries.
async fn ledger(command: Command, count: &mut u64) -> Result<Option<Bytes>, Status> {
    let payload = command.payload.unwrap();
    let text = Entry::decode(payload.value.clone()).unwrap().text;
    say(&format!("got {}", text.get(..20).unwrap_or(&text)));
    let mut answer = EventSourcedReply {
        command_id: command.id,
        ..EventSourcedReply::default()
    };
    match &*text {
        "hang" => pending().await,
        "die" => process::abort(),
        "end" => return Ok(None),
        "break" => return Err(Status::data_loss("broken")),
        "garbage" => return Ok(Some(Bytes::from_static(b"\xff\xff\xff\xff"))),
        "count" => {}
        "slow" => tokio::time::sleep(Duration::from_millis(500)).await,
        // Every other text is an entry; that of a command which is answered wrongly must not count.
        text => {
            if text == "wrong id" {
                answer.command_id += 1000;
            }
            answer.events.push(payload);
            *count += 1;
        }
    }
    answer.client_action = reply(&count.to_string());
    let out = EventSourcedStreamOut {
        message: Some(Out::Reply(answer)),
    };
    Ok(Some(out.encode_to_vec().into()))
}

#[derive(Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = EventSourcedStreamIn;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = EventSourcedStreamIn;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let message = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(EventSourcedStreamIn::decode(message).unwrap()))
    }
}
