//! A proxy's side of entity streams, over both ways to reach a user function.

use std::{future::pending, time::Duration};

use cloudstate::{
    Any, Cloudstate, EntityConnection, Rpc, Service, UserFunction,
    protocol::cloudstate::{
        ClientAction, Command, Failure, Forward, Reply, SideEffect,
        client_action::Action as Answer,
        eventsourced::{
            EventSourcedEvent, EventSourcedInit, EventSourcedReply, EventSourcedSnapshot,
            EventSourcedStreamIn, EventSourcedStreamOut, event_sourced_client::EventSourcedClient,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
    },
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Streaming, transport::Channel};

use crate::model::{
    Action, Call, Effect, Model, Persisted, Request, RequestAction, Response, Two, Value, to_two,
};

/// The time that the TCK gives a service for every message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The entity of every conversation that does not say otherwise.
pub(crate) const ID: &str = "entity-1";

/// The model services.
pub(crate) fn user_function() -> UserFunction {
    Cloudstate::new()
        .register::<Model>()
        .register::<Two>()
        .into_user_function()
        .unwrap()
}

/// Where streams are opened.
#[derive(Clone)]
pub(crate) enum Proxy {
    InProcess(UserFunction),
    Network(EventSourcedClient<Channel>),
}

impl Proxy {
    /// A proxy of a server that runs until the test ends.
    pub(crate) async fn over_network() -> Self {
        Self::Network(EventSourcedClient::new(connect(user_function()).await))
    }

    pub(crate) async fn open(&self) -> Peer {
        match self {
            Self::InProcess(user_function) => Peer::InProcess(user_function.event_sourced()),
            Self::Network(client) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                let input = UnboundedReceiverStream::new(receiver);
                let replies = client.clone().handle(input).await.unwrap().into_inner();
                Peer::Network(Some(sender), replies)
            }
        }
    }

    /// A stream that is opened for the model's entity [`ID`].
    pub(crate) async fn start(&self, snapshot: Option<(i64, &str)>) -> Peer {
        let mut peer = self.open().await;
        peer.send(init(snapshot)).await;
        peer
    }
}

/// Starts a server and connects to it.
pub(crate) async fn connect(user_function: UserFunction) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(user_function.serve(listener, pending()));
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Runs a test in process, then over the network.
pub(crate) async fn both_ways(test: impl AsyncFn(Proxy)) {
    test(Proxy::InProcess(user_function())).await;
    test(Proxy::over_network().await).await;
}

/// One open stream.
pub(crate) enum Peer {
    InProcess(EntityConnection<EventSourcedStreamIn, EventSourcedStreamOut>),
    Network(
        Option<mpsc::UnboundedSender<EventSourcedStreamIn>>,
        Streaming<EventSourcedStreamOut>,
    ),
}

impl Peer {
    pub(crate) async fn send(&mut self, message: In) {
        self.send_raw(Some(message)).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Option<In>) {
        let message = EventSourcedStreamIn { message };
        match self {
            Self::InProcess(connection) => connection.send(message).await.unwrap(),
            // A stream that has ended takes nothing more; the test sees its end by its replies.
            Self::Network(sender, _) => drop(sender.as_ref().unwrap().send(message)),
        }
    }

    /// The next message, or none if the stream completed with OK.
    pub(crate) async fn next(&mut self) -> Option<Out> {
        let next = async {
            match self {
                Self::InProcess(connection) => connection.next().await,
                Self::Network(_, replies) => replies.message().await.unwrap(),
            }
        };
        let message = timeout(PATIENCE, next).await.expect("no message in time")?;
        Some(message.message.expect("a message with content"))
    }

    pub(crate) async fn half_close(&mut self) {
        match self {
            Self::InProcess(connection) => connection.close().await.unwrap(),
            Self::Network(sender, _) => *sender = None,
        }
    }

    /// Sends a command of the model.
    pub(crate) async fn command(&mut self, id: i64, actions: impl IntoIterator<Item = Action>) {
        self.send(command(id, actions)).await;
    }

    /// Sends a command of the model, and expects this reply.
    pub(crate) async fn exchange<const N: usize>(
        &mut self,
        id: i64,
        actions: [Action; N],
        expected: Expected,
    ) {
        self.command(id, actions).await;
        assert_eq!(self.next().await, Some(expected.reply(id)));
    }

    /// Half-closes, and expects the stream to complete with nothing more.
    pub(crate) async fn passivate(mut self) {
        self.half_close().await;
        assert_eq!(self.next().await, None);
    }

    /// Expects this failure of the whole stream, and its end.
    pub(crate) async fn expect_breakdown(mut self, command_id: i64, description: &str) {
        let failure = Failure {
            command_id,
            description: description.into(),
            restart: false,
        };
        assert_eq!(self.next().await, Some(Out::Failure(failure)));
        assert_eq!(self.next().await, None);
    }
}

pub(crate) fn init(snapshot: Option<(i64, &str)>) -> In {
    In::Init(EventSourcedInit {
        service_name: <crate::model::EventSourcedTckModel as Service>::NAME.into(),
        entity_id: ID.into(),
        snapshot: snapshot.map(|(snapshot_sequence, value)| EventSourcedSnapshot {
            snapshot_sequence,
            snapshot: Some(persisted(value)),
        }),
    })
}

pub(crate) fn event(sequence: i64, value: &str) -> In {
    In::Event(EventSourcedEvent {
        sequence,
        payload: Some(persisted(value)),
    })
}

pub(crate) fn command(id: i64, actions: impl IntoIterator<Item = Action>) -> In {
    In::Command(model_command(id, actions))
}

pub(crate) fn model_command(id: i64, actions: impl IntoIterator<Item = Action>) -> Command {
    let action = |action| RequestAction {
        action: Some(action),
    };
    let request = Request {
        id: ID.into(),
        actions: actions.into_iter().map(action).collect(),
    };
    Command {
        entity_id: ID.into(),
        id,
        name: "Process".into(),
        payload: Some(Any::pack(&request)),
        streamed: false,
        metadata: None,
    }
}

pub(crate) fn persisted(value: &str) -> Any {
    Any::pack(&Persisted {
        value: value.into(),
    })
}

pub(crate) fn emit(text: &str) -> Action {
    Action::Emit(Value { text: text.into() })
}

pub(crate) fn forward(text: &str) -> Action {
    Action::Forward(Value { text: text.into() })
}

pub(crate) fn fail(text: &str) -> Action {
    Action::Fail(Value { text: text.into() })
}

pub(crate) fn panic(text: &str) -> Action {
    Action::Panic(Value { text: text.into() })
}

pub(crate) fn effect(id: &str, synchronous: bool) -> Action {
    Action::Effect(Effect {
        id: id.into(),
        synchronous,
    })
}

/// A reply that a test waits for, apart from its command id.
#[derive(Clone)]
pub(crate) struct Expected {
    answer: Answer,
    reply: EventSourcedReply,
}

/// An answer with the model's state.
pub(crate) fn state(message: &str) -> Expected {
    let response = Response {
        message: message.into(),
    };
    Expected::new(Answer::Reply(Reply {
        payload: Some(Any::pack(&response)),
        metadata: None,
    }))
}

pub(crate) fn forwarded(id: &str) -> Expected {
    Expected::new(Answer::Forward(Forward {
        service_name: <<Call as Rpc>::Service as Service>::NAME.into(),
        command_name: Call::NAME.into(),
        payload: Some(Any::pack(&to_two(id.into()))),
        metadata: None,
    }))
}

pub(crate) fn failed(description: &str, restart: bool) -> Expected {
    Expected::new(Answer::Failure(Failure {
        command_id: 0,
        description: description.into(),
        restart,
    }))
}

impl Expected {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            reply: EventSourcedReply::default(),
        }
    }

    pub(crate) fn events(mut self, values: &[&str]) -> Self {
        self.reply.events = values.iter().map(|value| persisted(value)).collect();
        self
    }

    pub(crate) fn snapshot(mut self, value: &str) -> Self {
        self.reply.snapshot = Some(persisted(value));
        self
    }

    pub(crate) fn effects(mut self, ids: &[&str], synchronous: bool) -> Self {
        let effect = |id: &&str| SideEffect {
            service_name: <<Call as Rpc>::Service as Service>::NAME.into(),
            command_name: Call::NAME.into(),
            payload: Some(Any::pack(&to_two((*id).into()))),
            synchronous,
            metadata: None,
        };
        self.reply.side_effects = ids.iter().map(effect).collect();
        self
    }

    pub(crate) fn reply(self, command_id: i64) -> Out {
        let mut answer = self.answer;
        if let Answer::Failure(failure) = &mut answer {
            failure.command_id = command_id;
        }
        Out::Reply(EventSourcedReply {
            command_id,
            client_action: Some(ClientAction {
                action: Some(answer),
            }),
            ..self.reply
        })
    }
}
