//! What makes a wrong proxy of a right one: it stands behind it, and changes what the proxy says to the service.

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use cloudstate_protocol::{
    cloudstate::{
        Command, ProxyInfo,
        crdt::{
            CrdtStreamIn, CrdtStreamOut, crdt_state_action::Action,
            crdt_stream_in::Message as CrdtIn, crdt_stream_out::Message as CrdtOut,
        },
        eventsourced::{EventSourcedStreamIn, event_sourced_stream_in::Message as EventSourcedIn},
        valueentity::{ValueEntityStreamIn, value_entity_stream_in::Message as ValueEntityIn},
    },
    version,
};
use futures_util::{Stream, StreamExt, future::BoxFuture};
use http::uri::PathAndQuery;
use prost::Message;
use tck_harness::raw_codec::RawCodec;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    client,
    server::{self, NamedService, StreamingService},
    transport::{Channel, Endpoint, Server},
};

/// What the proxy does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A type URL without its prefix.
    BareTypeUrl,
    /// Every call of an action is made twice.
    CallsBesides,
    /// The service is told of its own change.
    EchoesDeltas,
    /// A value entity of which nothing is stored is loaded without a state, not with an empty one.
    InitWithoutState,
    /// An entity's stream is never ended.
    NeverEnds,
    /// Entities of one kind are not supported.
    SupportsLess,
    /// The service does not hear of a caller who has gone.
    SwallowsCancellations,
    /// Every message has a field that the protocol does not define.
    UnknownField,
}

/// A running meddler; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Meddler {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Meddler {
    /// Passes on to this address what a proxy says, with a fault in it.
    pub(crate) async fn start(service: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{service}")).unwrap();
        let service = endpoint.connect_lazy();
        let relay = Relay { service, fault };
        let serving = Server::builder()
            .add_service(Served::<0>(relay.clone()))
            .add_service(Served::<1>(relay.clone()))
            .add_service(Served::<2>(relay.clone()))
            .add_service(Served::<3>(relay.clone()))
            .add_service(Served::<4>(relay))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async { serving.await.unwrap() });
        Self { address, server }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const SERVICES: [&str; 5] = [
    "cloudstate.EntityDiscovery",
    version::ACTION,
    version::CRDT,
    version::EVENT_SOURCED,
    version::VALUE_ENTITY,
];

#[derive(Clone, Debug)]
struct Served<const SERVICE: usize>(Relay);

impl<const SERVICE: usize> NamedService for Served<SERVICE> {
    const NAME: &'static str = SERVICES[SERVICE];
}

impl<const SERVICE: usize> tower::Service<http::Request<Body>> for Served<SERVICE> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let relay = self.0.clone();
        let path = request.uri().path_and_query().unwrap().clone();
        Box::pin(async move {
            let call = Call { relay, path };
            Ok(server::Grpc::new(RawCodec).streaming(call, request).await)
        })
    }
}

#[derive(Clone, Debug)]
struct Relay {
    service: Channel,
    fault: Fault,
}

struct Call {
    relay: Relay,
    path: PathAndQuery,
}

type Back = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl StreamingService<Bytes> for Call {
    type Response = Bytes;
    type ResponseStream = Back;
    type Future = BoxFuture<'static, Result<Response<Back>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let relay = self.relay.clone();
        Box::pin(relay.pass_on(self.path.clone(), request.into_inner()))
    }
}

impl Relay {
    async fn pass_on(
        self,
        path: PathAndQuery,
        mut input: Streaming<Bytes>,
    ) -> Result<Response<Back>, Status> {
        let fault = self.fault;
        let (there, messages) = mpsc::channel(16);
        let echo = there.downgrade();
        if fault == Fault::CallsBesides && path.path().contains("handleUnary") {
            let besides = self.clone();
            let path = path.clone();
            tokio::spawn(async move {
                let (_there, messages) = mpsc::channel(1);
                let _ = besides.call(path, messages).await;
                pending::<()>().await;
            });
        }
        let of = path.path().to_owned();
        tokio::spawn(async move {
            while let Ok(Some(message)) = input.message().await {
                let Some(message) = change(fault, &of, message) else {
                    continue;
                };
                if there.send(message).await.is_err() {
                    return;
                }
            }
            if fault == Fault::NeverEnds && of.ends_with("/handle") {
                pending::<()>().await;
            }
        });
        let replies = self.call(path.clone(), messages).await?.into_inner();
        let replies = replies.then(move |reply| {
            let echo = (fault == Fault::EchoesDeltas && path.path().contains("Crdt"))
                .then(|| echo.upgrade())
                .flatten();
            async move {
                let reply = reply?;
                if let Some(there) = echo
                    && let Some(delta) = change_in(&reply)
                {
                    let _ = there.send(delta).await;
                }
                Ok(reply)
            }
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn call(
        &self,
        path: PathAndQuery,
        messages: mpsc::Receiver<Bytes>,
    ) -> Result<Response<Streaming<Bytes>>, Status> {
        let mut service = client::Grpc::new(self.service.clone());
        service.ready().await.unwrap();
        let request = Request::new(ReceiverStream::new(messages));
        service.streaming(request, path, RawCodec).await
    }
}

/// Field 99, a number.
const UNKNOWN_FIELD: [u8; 3] = [0x98, 0x06, 0x01];

/// The message that the service gets instead, if it gets one.
fn change(fault: Fault, path: &str, message: Bytes) -> Option<Bytes> {
    let changed = match (fault, path) {
        (Fault::SupportsLess, "/cloudstate.EntityDiscovery/discover") => {
            let mut info = ProxyInfo::decode(message).unwrap();
            info.supported_entity_types.pop();
            info.encode_to_vec()
        }
        (Fault::InitWithoutState, "/cloudstate.valueentity.ValueEntity/handle") => {
            let mut one = ValueEntityStreamIn::decode(message).unwrap();
            if let Some(ValueEntityIn::Init(init)) = &mut one.message {
                init.state = None;
            }
            one.encode_to_vec()
        }
        (Fault::UnknownField, path) if !path.starts_with("/cloudstate.EntityDiscovery/") => {
            [&message[..], &UNKNOWN_FIELD].concat()
        }
        (Fault::BareTypeUrl, "/cloudstate.eventsourced.EventSourced/handle") => {
            let mut one = EventSourcedStreamIn::decode(message).unwrap();
            if let Some(EventSourcedIn::Command(Command {
                payload: Some(payload),
                ..
            })) = &mut one.message
            {
                payload.type_url = payload.type_name().into();
            }
            one.encode_to_vec()
        }
        (Fault::SwallowsCancellations, "/cloudstate.crdt.Crdt/handle") => {
            let one = CrdtStreamIn::decode(message.clone()).unwrap();
            match one.message {
                Some(CrdtIn::StreamCancelled(_)) => return None,
                _ => return Some(message),
            }
        }
        _ => return Some(message),
    };
    Some(changed.into())
}

/// The change that a CRDT entity has made, as a change that was made elsewhere.
fn change_in(reply: &Bytes) -> Option<Bytes> {
    let reply = CrdtStreamOut::decode(reply.clone()).unwrap();
    let Some(CrdtOut::Reply(reply)) = reply.message else {
        return None;
    };
    let Some(Action::Update(delta)) = reply.state_action?.action else {
        return None;
    };
    let delta = CrdtStreamIn {
        message: Some(CrdtIn::Delta(delta)),
    };
    Some(delta.encode_to_vec().into())
}
