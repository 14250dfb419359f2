//! A user function over gRPC, whatever it serves.

use std::{
    convert::Infallible,
    fmt::Debug,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use cloudstate::Service as _;
use cloudstate_protocol::cloudstate::{
    Entity, EntityPassivationStrategy, EntitySpec, ProxyInfo, TimeoutPassivationStrategy,
    UserFunctionError,
    entity_discovery_server::{EntityDiscovery, EntityDiscoveryServer},
    entity_passivation_strategy::Strategy,
};
use futures_util::{
    Stream, StreamExt,
    future::{self, BoxFuture},
    stream,
};
use prost::Message;
use tck_harness::{pb::EventSourcedTckModel, raw_codec::RawCodec};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    server::{Grpc, NamedService, StreamingService},
    transport::{Server, server::Router},
};

/// A user function that is written against the protocol alone. It serves one kind of entity.
pub(crate) trait UserFunction: Clone + Debug + Send + Sync + 'static {
    /// The entity type, which is the name of the gRPC service.
    const ENTITY_TYPE: &'static str;
    /// What serves one call.
    type Call: Call;

    /// Name, persistence id and passivation timeout of each service.
    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)>;

    /// The entity type that discovery gives.
    fn announced_as(&self) -> &'static str {
        Self::ENTITY_TYPE
    }

    /// A call of this rpc, such as `handle`, has come in.
    fn accept(&self, rpc: &str) -> Self::Call;

    /// Whether a case has to wait in vain for a message.
    fn keeps_silent(&self) -> bool {
        false
    }

    /// What is wrong with every call.
    fn wire_fault(&self) -> Option<WireFault>;
}

/// One call: messages in, messages out.
pub(crate) trait Call: Send + 'static {
    type In: Message + Default;
    type Out: Message + 'static;

    fn receive(&mut self, message: Self::In) -> Vec<Said<Self::Out>>;

    /// The input has ended.
    fn end(&mut self) -> Vec<Said<Self::Out>> {
        Vec::new()
    }
}

/// What a call does next.
#[derive(Clone, Debug)]
pub(crate) enum Said<Out> {
    Message(Out),
    /// The call ends here, although its input has not.
    Completed,
    /// The call fails here.
    Failed(Status),
}

/// What a service does wrong with every stream, whatever it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFault {
    EndsWithError,
    NeverCompletes,
    Silent,
    UnknownField,
}

/// A running service; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct ModelService {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl ModelService {
    pub(crate) async fn start(function: impl UserFunction) -> Self {
        let announced = announcements(&function);
        let server = Server::builder().add_service(Protocol(function));
        Self::serve(announced, server).await
    }

    /// Two user functions of different kinds, as one.
    pub(crate) async fn start_both(one: impl UserFunction, other: impl UserFunction) -> Self {
        let announced = [announcements(&one), announcements(&other)].concat();
        let server = Server::builder().add_service(Protocol(one));
        Self::serve(announced, server.add_service(Protocol(other))).await
    }

    async fn serve(announced: Vec<Entity>, server: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = server
            .add_service(EntityDiscoveryServer::new(Discovery(announced)))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async { serving.await.unwrap() });
        Self { address, server }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for ModelService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn announcements<U: UserFunction>(function: &U) -> Vec<Entity> {
    let entity = |(service_name, persistence_id, timeout): (&str, &str, Option<i64>)| Entity {
        entity_type: function.announced_as().into(),
        service_name: service_name.into(),
        persistence_id: persistence_id.into(),
        passivation_strategy: timeout.map(|timeout| EntityPassivationStrategy {
            strategy: Some(Strategy::Timeout(TimeoutPassivationStrategy { timeout })),
        }),
    };
    function.services().into_iter().map(entity).collect()
}

/// What is announced.
struct Discovery(Vec<Entity>);

#[tonic::async_trait]
impl EntityDiscovery for Discovery {
    async fn discover(&self, _: Request<ProxyInfo>) -> Result<Response<EntitySpec>, Status> {
        Ok(Response::new(EntitySpec {
            proto: EventSourcedTckModel::DESCRIPTOR_SET.into(),
            entities: self.0.clone(),
            service_info: None,
        }))
    }

    async fn report_error(&self, _: Request<UserFunctionError>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }
}

/// What generated code is for a service, but for its messages, which are bytes.
#[derive(Clone, Debug)]
struct Protocol<U>(U);

impl<U: UserFunction> NamedService for Protocol<U> {
    const NAME: &'static str = U::ENTITY_TYPE;
}

impl<U: UserFunction> tower::Service<http::Request<Body>> for Protocol<U> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (_, rpc) = request.uri().path().rsplit_once('/').unwrap();
        let call = Some(self.0.accept(rpc));
        let fault = self.0.wire_fault();
        Box::pin(async move {
            let mut grpc = Grpc::new(RawCodec);
            Ok(grpc.streaming(Handle { call, fault }, request).await)
        })
    }
}

struct Handle<C> {
    /// Handed out once.
    call: Option<C>,
    fault: Option<WireFault>,
}

type Replies = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl<C: Call> StreamingService<Bytes> for Handle<C> {
    type Response = Bytes;
    type ResponseStream = Replies;
    type Future = future::Ready<Result<Response<Replies>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let fault = self.fault;
        let mut call = self.call.take().unwrap();
        // A client that has gone away is not answered.
        let input = request
            .into_inner()
            .filter_map(|read| future::ready(read.ok()));
        let replies = input
            .map(Some)
            .chain(stream::iter([None]))
            .flat_map(move |message| {
                stream::iter(match message {
                    Some(bytes) => call.receive(C::In::decode(bytes).unwrap()),
                    None => call.end(),
                })
            })
            .filter(move |_| future::ready(fault != Some(WireFault::Silent)))
            .take_while(|said| future::ready(!matches!(said, Said::Completed)))
            .map(move |said| match said {
                Said::Message(message) => Ok(encode(&message, fault)),
                Said::Failed(status) => Err(status),
                Said::Completed => unreachable!("taken while there is something else"),
            });
        let end: Replies = match fault {
            Some(WireFault::NeverCompletes) => Box::pin(stream::pending()),
            Some(WireFault::EndsWithError) => {
                Box::pin(stream::iter([Err(Status::internal("could not end"))]))
            }
            Some(WireFault::Silent | WireFault::UnknownField) | None => Box::pin(stream::empty()),
        };
        let replies: Replies = Box::pin(replies.chain(end));
        future::ready(Ok(Response::new(replies)))
    }
}

/// The message, and perhaps field 99 with a 1 behind it.
fn encode(message: &impl Message, fault: Option<WireFault>) -> Bytes {
    let mut bytes = message.encode_to_vec();
    if fault == Some(WireFault::UnknownField) {
        bytes.extend([0x98, 0x06, 0x01]);
    }
    bytes.into()
}
