//! A proxy's side of CRDT streams, over both ways to reach a user function.

use cloudstate::{
    Any, EntityConnection, Payload, UserFunction,
    protocol::cloudstate::{
        ClientAction, Command, Failure, Reply, StreamCancelled,
        client_action::Action,
        crdt::{
            CrdtDelta, CrdtInit, CrdtReply, CrdtStateAction, CrdtStreamIn, CrdtStreamOut,
            CrdtStreamedMessage, CrdtWriteConsistency, LwwRegisterDelta, OrSetDelta,
            crdt_client::CrdtClient, crdt_delta::Delta, crdt_state_action::Action as StateAction,
            crdt_stream_in::Message as In, crdt_stream_out::Message as Out,
        },
    },
};
use futures_util::{SinkExt, StreamExt};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Streaming, transport::Channel};

use super::rooms::{pb, user_function};
use crate::conversation::{PATIENCE, connect};

pub(super) const ID: &str = "room-1";

/// Where streams are opened.
pub(super) enum Proxy {
    InProcess(UserFunction),
    Network(CrdtClient<Channel>),
}

/// Runs a test in process, then over the network.
pub(super) async fn both_ways(test: impl AsyncFn(Proxy)) {
    test(Proxy::InProcess(user_function())).await;
    let channel = connect(user_function()).await;
    test(Proxy::Network(CrdtClient::new(channel))).await;
}

impl Proxy {
    pub(super) async fn open(&self) -> Peer {
        let connection = match self {
            Self::InProcess(user_function) => Connection::InProcess(user_function.crdt()),
            Self::Network(client) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                let input = UnboundedReceiverStream::new(receiver);
                let replies = client.clone().handle(input).await.unwrap().into_inner();
                Connection::Network(Some(sender), replies)
            }
        };
        Peer { connection, id: 0 }
    }

    /// The stream of an entity of a service.
    pub(super) async fn start_of(&self, service: &str, delta: Option<Delta>) -> Peer {
        let mut peer = self.open().await;
        peer.send(init(service, delta)).await;
        peer
    }

    /// The stream of a room.
    pub(super) async fn start(&self, delta: Option<Delta>) -> Peer {
        self.start_of("room.Presence", delta).await
    }
}

enum Connection {
    InProcess(EntityConnection<CrdtStreamIn, CrdtStreamOut>),
    Network(
        Option<mpsc::UnboundedSender<CrdtStreamIn>>,
        Streaming<CrdtStreamOut>,
    ),
}

/// One open stream.
pub(super) struct Peer {
    connection: Connection,
    pub(super) id: i64,
}

impl Peer {
    pub(super) async fn send(&mut self, message: In) {
        self.send_raw(Some(message)).await;
    }

    pub(super) async fn send_raw(&mut self, message: Option<In>) {
        let message = CrdtStreamIn { message };
        match &mut self.connection {
            Connection::InProcess(connection) => connection.send(message).await.unwrap(),
            // A stream that has ended takes nothing more; the test sees its end by its replies.
            Connection::Network(sender, _) => drop(sender.as_ref().unwrap().send(message)),
        }
    }

    /// The next message, or none if the stream completed with OK.
    pub(super) async fn next(&mut self) -> Option<Out> {
        let next = async {
            match &mut self.connection {
                Connection::InProcess(connection) => connection.next().await,
                Connection::Network(_, replies) => replies.message().await.unwrap(),
            }
        };
        let message = timeout(PATIENCE, next).await.expect("no message in time")?;
        Some(message.message.expect("a message with content"))
    }

    pub(super) async fn half_close(&mut self) {
        match &mut self.connection {
            Connection::InProcess(connection) => connection.close().await.unwrap(),
            Connection::Network(sender, _) => *sender = None,
        }
    }

    /// Half-closes, and expects the stream to complete with nothing more.
    pub(super) async fn passivate(mut self) {
        self.half_close().await;
        assert_eq!(self.next().await, None);
    }

    /// Expects this failure of the whole stream, and its end.
    pub(super) async fn expect_breakdown(mut self, command_id: i64, description: &str) {
        let failure = Failure {
            command_id,
            description: description.into(),
            restart: false,
        };
        assert_eq!(self.next().await, Some(Out::Failure(failure)));
        assert_eq!(self.next().await, None);
    }

    /// The next command of this stream, not yet sent.
    pub(super) fn command(&mut self, rpc: &str, payload: Any) -> Command {
        self.id += 1;
        Command {
            entity_id: ID.into(),
            id: self.id,
            name: rpc.into(),
            payload: Some(payload),
            streamed: false,
            metadata: None,
        }
    }

    pub(super) async fn call(&mut self, rpc: &str, payload: Any) -> CrdtReply {
        let command = self.command(rpc, payload);
        self.send(In::Command(command)).await;
        self.reply().await
    }

    /// The reply to the last command, before anything else.
    pub(super) async fn reply(&mut self) -> CrdtReply {
        match self.next().await {
            Some(Out::Reply(reply)) => {
                assert_eq!(reply.command_id, self.id);
                reply
            }
            other => panic!("not a reply: {other:?}"),
        }
    }

    /// Runs words on a room.
    pub(super) async fn change(&mut self, words: &str) -> CrdtReply {
        self.call("Leave", visit(words)).await
    }

    /// Opens a stream of a room.
    pub(super) async fn enter(&mut self, words: &str) -> CrdtReply {
        let mut command = self.command("Enter", visit(words));
        command.streamed = true;
        self.send(In::Command(command)).await;
        self.reply().await
    }

    /// Who is in the room, and that looking changes nothing.
    pub(super) async fn guests(&mut self) -> Vec<String> {
        let reply = self.call("Look", visit("")).await;
        assert_eq!(reply.state_action, None);
        assert!(!reply.streamed);
        names(reply.client_action)
    }

    pub(super) async fn delta(&mut self, delta: Delta) {
        self.send(In::Delta(CrdtDelta { delta: Some(delta) })).await;
    }

    pub(super) async fn cancel(&mut self, id: i64) {
        self.send(In::StreamCancelled(StreamCancelled {
            entity_id: ID.into(),
            id,
        }))
        .await;
    }

    /// The next message, which is one of an open stream.
    pub(super) async fn pushed(&mut self, id: i64) -> CrdtStreamedMessage {
        match self.next().await {
            Some(Out::StreamedMessage(message)) => {
                assert_eq!(message.command_id, id);
                message
            }
            other => panic!("not a streamed message: {other:?}"),
        }
    }

    /// The next message, which is one of an open stream that tells who is in the room.
    pub(super) async fn expect_pushed<const N: usize>(&mut self, id: i64, expected: [&str; N]) {
        let message = self.pushed(id).await;
        assert_eq!(names(message.client_action), expected);
        assert!(!message.end_stream);
        assert_eq!(message.side_effects, []);
    }
}

pub(super) fn init(service: &str, delta: Option<Delta>) -> In {
    In::Init(CrdtInit {
        service_name: service.into(),
        entity_id: ID.into(),
        delta: delta.map(|delta| CrdtDelta { delta: Some(delta) }),
    })
}

pub(super) fn visit(words: &str) -> Any {
    Any::pack(&pb::Visit {
        room: ID.into(),
        guest: words.into(),
    })
}

/// The names in a reply of a room.
pub(super) fn names(action: Option<ClientAction>) -> Vec<String> {
    match action.and_then(|action| action.action) {
        Some(Action::Reply(Reply { payload, .. })) => {
            payload.unwrap().unpack::<pb::Guests>().unwrap().names
        }
        other => panic!("not a reply: {other:?}"),
    }
}

pub(super) fn failure_of(action: Option<ClientAction>) -> (i64, String) {
    match action.and_then(|action| action.action) {
        Some(Action::Failure(failure)) => {
            assert!(!failure.restart);
            (failure.command_id, failure.description)
        }
        other => panic!("not a failure: {other:?}"),
    }
}

fn texts(names: &[&str]) -> Vec<Any> {
    names.iter().map(|name| name.to_string().to_any()).collect()
}

pub(super) fn set(cleared: bool, removed: &[&str], added: &[&str]) -> Delta {
    Delta::Orset(OrSetDelta {
        cleared,
        removed: texts(removed),
        added: texts(added),
    })
}

pub(super) fn register(value: &str) -> Delta {
    Delta::Lwwregister(LwwRegisterDelta {
        value: Some(value.to_owned().to_any()),
        ..LwwRegisterDelta::default()
    })
}

pub(super) fn update(delta: Delta, consistency: CrdtWriteConsistency) -> Option<CrdtStateAction> {
    Some(CrdtStateAction {
        action: Some(StateAction::Update(CrdtDelta { delta: Some(delta) })),
        write_consistency: consistency.into(),
    })
}

/// An update of a room, with the least consistency.
pub(super) fn updated(removed: &[&str], added: &[&str]) -> Option<CrdtStateAction> {
    update(set(false, removed, added), CrdtWriteConsistency::Local)
}
