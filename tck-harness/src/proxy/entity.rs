//! An entity behind the proxy, with its caller on one side and the service on the other.

use std::time::Duration;

use cloudstate::{Rpc, Service};
use cloudstate_protocol::cloudstate::{
    ClientAction, Command,
    client_action::Action,
    crdt::{
        CrdtInit, CrdtStreamIn, CrdtStreamOut, crdt_stream_in::Message as CrdtIn,
        crdt_stream_out::Message as CrdtOut,
    },
    eventsourced::{
        EventSourcedInit, EventSourcedStreamIn, EventSourcedStreamOut,
        event_sourced_stream_in::Message as EventSourcedIn,
        event_sourced_stream_out::Message as EventSourcedOut,
    },
    valueentity::{
        ValueEntityInit, ValueEntityInitState, ValueEntityStreamIn, ValueEntityStreamOut,
        value_entity_stream_in::Message as ValueEntityIn,
        value_entity_stream_out::Message as ValueEntityOut,
    },
};
use prost::{Message, Name};

use super::{Http, Intercepted, Overheard};
use crate::{
    answer::command,
    case::Fixture,
    connection::{Connection, Link},
    failure::{Failure, Verdict},
};

/// How much of the usual patience there is for the end of an idle entity: two seconds of the TCK's three.
const IDLE: (u32, u32) = (2, 3);

/// What the three kinds of stateful entities call differently.
pub trait Kind {
    /// What the proxy sends.
    type In: Message + Name + Default + PartialEq;
    /// What the service sends.
    type Out: Message + Name + Default + PartialEq;
    /// The rpc of the protocol.
    const HANDLE: &'static str;

    /// The first message for an entity of which nothing is stored.
    fn init(service_name: &str, entity_id: &str) -> Self::In;

    /// A command.
    fn command(command: Command) -> Self::In;

    /// What the service answers to the caller.
    fn client_action(message: &Self::Out) -> Option<&ClientAction>;
}

/// Event-sourced entities.
#[derive(Clone, Copy, Debug)]
pub struct EventSourced;

/// Value entities.
#[derive(Clone, Copy, Debug)]
pub struct ValueEntity;

/// CRDT entities.
#[derive(Clone, Copy, Debug)]
pub struct Crdt;

impl Kind for EventSourced {
    type In = EventSourcedStreamIn;
    type Out = EventSourcedStreamOut;
    const HANDLE: &'static str = "/cloudstate.eventsourced.EventSourced/handle";

    fn init(service_name: &str, entity_id: &str) -> Self::In {
        EventSourcedStreamIn {
            message: Some(EventSourcedIn::Init(EventSourcedInit {
                service_name: service_name.into(),
                entity_id: entity_id.into(),
                snapshot: None,
            })),
        }
    }

    fn command(command: Command) -> Self::In {
        EventSourcedStreamIn {
            message: Some(EventSourcedIn::Command(command)),
        }
    }

    fn client_action(message: &Self::Out) -> Option<&ClientAction> {
        match message.message.as_ref()? {
            EventSourcedOut::Reply(reply) => reply.client_action.as_ref(),
            EventSourcedOut::Failure(_) => None,
        }
    }
}

impl Kind for ValueEntity {
    type In = ValueEntityStreamIn;
    type Out = ValueEntityStreamOut;
    const HANDLE: &'static str = "/cloudstate.valueentity.ValueEntity/handle";

    fn init(service_name: &str, entity_id: &str) -> Self::In {
        ValueEntityStreamIn {
            message: Some(ValueEntityIn::Init(ValueEntityInit {
                service_name: service_name.into(),
                entity_id: entity_id.into(),
                state: Some(ValueEntityInitState { value: None }),
            })),
        }
    }

    fn command(command: Command) -> Self::In {
        ValueEntityStreamIn {
            message: Some(ValueEntityIn::Command(command)),
        }
    }

    fn client_action(message: &Self::Out) -> Option<&ClientAction> {
        match message.message.as_ref()? {
            ValueEntityOut::Reply(reply) => reply.client_action.as_ref(),
            ValueEntityOut::Failure(_) => None,
        }
    }
}

impl Kind for Crdt {
    type In = CrdtStreamIn;
    type Out = CrdtStreamOut;
    const HANDLE: &'static str = "/cloudstate.crdt.Crdt/handle";

    fn init(service_name: &str, entity_id: &str) -> Self::In {
        CrdtStreamIn {
            message: Some(CrdtIn::Init(CrdtInit {
                service_name: service_name.into(),
                entity_id: entity_id.into(),
                delta: None,
            })),
        }
    }

    fn command(command: Command) -> Self::In {
        CrdtStreamIn {
            message: Some(CrdtIn::Command(command)),
        }
    }

    fn client_action(message: &Self::Out) -> Option<&ClientAction> {
        match message.message.as_ref()? {
            CrdtOut::Reply(reply) => reply.client_action.as_ref(),
            CrdtOut::StreamedMessage(message) => message.client_action.as_ref(),
            CrdtOut::StreamCancelledResponse(_) | CrdtOut::Failure(_) => None,
        }
    }
}

/// An entity of a service, and the stream by which the service holds it, once there is one.
#[derive(Debug)]
pub struct ProxiedEntity<K: Kind> {
    link: Link,
    http: Http,
    intercepted: Intercepted,
    service: &'static str,
    id: String,
    connection: Option<Overheard<K::In, K::Out>>,
}

impl<K: Kind> ProxiedEntity<K> {
    /// The entity of service `S` with this id, which the service does not hold.
    ///
    /// # Errors
    /// There is no proxy.
    pub fn new<S: Service>(tck: &Fixture, id: &str) -> Verdict<Self> {
        Ok(Self {
            link: tck.client()?,
            http: tck.http()?,
            intercepted: tck.intercepted()?.clone(),
            service: S::NAME,
            id: id.into(),
            connection: None,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Calls the proxy over gRPC. The service must get this command, and answer like this; the caller must get what is
    /// in that answer, or the empty reply of the entity to which it forwards.
    ///
    /// # Errors
    /// One of them does something else, or nothing in time.
    pub async fn call<R: Rpc + Copy>(
        &mut self,
        rpc: R,
        command_id: i64,
        request: &R::Request,
        expected: &K::Out,
    ) -> Verdict
    where
        R::Request: Name,
        R::Response: Name + Default + PartialEq,
    {
        let mut call = self.link.call(rpc);
        call.send(request).await?;
        call.end_input();
        answered::<K, _, _>(call, expected).await?;
        self.overhears(rpc, command_id, request, expected).await
    }

    /// Calls the proxy over gRPC, which must fail with this description.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn fails<R: Rpc>(&self, rpc: R, request: &R::Request, description: &str) -> Verdict
    where
        R::Request: Name,
        R::Response: Name + Default + PartialEq,
    {
        let mut call = self.link.call(rpc);
        call.send(request).await?;
        call.end_input();
        call.fail(description).await
    }

    /// Posts a JSON text to a path of the proxy, which must be answered with this text.
    ///
    /// # Errors
    /// It is answered otherwise, or not in time.
    pub async fn post(&self, path: &str, json: &str, expected: &str) -> Verdict {
        self.http.post(path, json, expected).await
    }

    /// Posts a JSON text to a path of the proxy, which must fail with this description.
    ///
    /// # Errors
    /// It is answered otherwise, or not in time.
    pub async fn post_failing(&self, path: &str, json: &str, description: &str) -> Verdict {
        self.http.post_failing(path, json, description).await
    }

    /// The service gets this command, and answers like this.
    ///
    /// # Errors
    /// The proxy or the service does something else, or nothing in time.
    pub async fn overhears<R: Rpc>(
        &mut self,
        rpc: R,
        command_id: i64,
        request: &R::Request,
        expected: &K::Out,
    ) -> Verdict
    where
        R::Request: Name,
    {
        let command = command(rpc, &self.id, command_id, request);
        let connection = self.connection().await?;
        connection.there.expect(&K::command(command)).await?;
        connection.back.expect(expected).await
    }

    /// The stream by which the service holds the entity. If there is none yet, the proxy must open one now, and know
    /// nothing of the entity.
    ///
    /// # Errors
    /// The proxy does something else, or nothing in time.
    pub async fn connection(&mut self) -> Verdict<&mut Overheard<K::In, K::Out>> {
        if self.connection.is_none() {
            let mut connection: Overheard<K::In, K::Out> =
                self.intercepted.next(&self.link, K::HANDLE).await?;
            let init = K::init(self.service, &self.id);
            connection.there.expect(&init).await?;
            self.connection = Some(connection);
        }
        self.connection
            .as_mut()
            .ok_or_else(|| Failure::new("the connection that was opened is gone"))
    }

    /// Both sides end the stream; another command would open the next one.
    ///
    /// # Errors
    /// One of them does not in time, or sends something else.
    pub async fn closes(&mut self) -> Verdict {
        match self.connection.take() {
            Some(mut connection) => connection.expect_end().await,
            None => Err(Failure::new(
                "the case itself is wrong: it waits for the end of a stream that it has not seen",
            )),
        }
    }

    /// As [`closes`](Self::closes), since the entity is idle.
    ///
    /// # Errors
    /// As there.
    pub async fn is_passivated(&mut self) -> Verdict {
        if let Some(connection) = &mut self.connection {
            let patience: Duration = self.link.patience * IDLE.0 / IDLE.1;
            connection.there.patience = patience;
            connection.back.patience = patience;
        }
        self.closes().await
    }
}

/// The caller gets what the service has answered.
async fn answered<K, In, Out>(mut call: Connection<In, Out>, expected: &K::Out) -> Verdict
where
    K: Kind,
    In: Message + Name,
    Out: Message + Name + Default + PartialEq,
{
    let action = K::client_action(expected).and_then(|action| action.action.as_ref());
    let response = match action {
        Some(Action::Reply(reply)) => {
            let payload = reply.payload.clone().unwrap_or_default();
            Out::decode(payload.value).map_err(|error| {
                Failure::new(format!(
                    "the case itself is wrong: its reply is no {}: {error}",
                    Out::full_name()
                ))
            })?
        }
        Some(Action::Failure(failure)) => return call.fail(&failure.description).await,
        Some(Action::Forward(_)) | None => Out::default(),
    };
    call.expect(&response).await?;
    call.complete().await
}
