//! The model over gRPC.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use cloudstate::Service as _;
use cloudstate_protocol::{
    cloudstate::{
        Entity, EntityPassivationStrategy, EntitySpec, ProxyInfo, TimeoutPassivationStrategy,
        UserFunctionError,
        entity_discovery_server::{EntityDiscovery, EntityDiscoveryServer},
        entity_passivation_strategy::Strategy,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_out::Message as Out,
        },
    },
    version,
};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use tck_harness::pb::{EventSourcedConfigured, EventSourcedTckModel, EventSourcedTwo};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    server::{Grpc, NamedService, StreamingService},
    transport::Server,
};
use tonic_prost::ProstCodec;

use super::model::{Fault, Model, OnFailure};

/// A running service; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct ModelService {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl ModelService {
    pub(crate) async fn start(on_failure: OnFailure, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behaviour = Behaviour { on_failure, fault };
        let serving = Server::builder()
            .add_service(EntityDiscoveryServer::new(behaviour))
            .add_service(behaviour)
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

#[derive(Clone, Copy, Debug)]
struct Behaviour {
    on_failure: OnFailure,
    fault: Option<Fault>,
}

#[tonic::async_trait]
impl EntityDiscovery for Behaviour {
    async fn discover(&self, _: Request<ProxyInfo>) -> Result<Response<EntitySpec>, Status> {
        let entity = |service_name: &str, persistence_id: &str| Entity {
            entity_type: version::EVENT_SOURCED.into(),
            service_name: service_name.into(),
            persistence_id: persistence_id.into(),
            passivation_strategy: None,
        };
        let model_id = match self.fault {
            Some(Fault::WrongPersistenceId) => "EventSourcedTckModel",
            _ => "event-sourced-tck-model",
        };
        let mut entities = vec![
            entity(EventSourcedTckModel::NAME, model_id),
            entity(EventSourcedTwo::NAME, "two"),
        ];
        if self.fault != Some(Fault::WithoutConfigured) {
            let timeout = TimeoutPassivationStrategy { timeout: 100 };
            entities.push(Entity {
                passivation_strategy: Some(EntityPassivationStrategy {
                    strategy: Some(Strategy::Timeout(timeout)),
                }),
                ..entity(EventSourcedConfigured::NAME, "event-sourced-configured")
            });
        }
        Ok(Response::new(EntitySpec {
            proto: EventSourcedTckModel::DESCRIPTOR_SET.into(),
            entities,
            service_info: None,
        }))
    }

    async fn report_error(&self, _: Request<UserFunctionError>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }
}

/// What is on the wire an `EventSourcedStreamOut`, unless `unknown` is not its default.
#[derive(Clone, PartialEq, prost::Message)]
struct WireOut {
    #[prost(message, optional, tag = "1")]
    reply: Option<EventSourcedReply>,
    #[prost(message, optional, tag = "2")]
    failure: Option<cloudstate_protocol::cloudstate::Failure>,
    #[prost(uint32, tag = "99")]
    unknown: u32,
}

type Replies = Pin<Box<dyn Stream<Item = Result<WireOut, Status>> + Send>>;

impl NamedService for Behaviour {
    const NAME: &'static str = version::EVENT_SOURCED;
}

/// What generated code is for a service, but for the type of its replies.
impl tower::Service<http::Request<Body>> for Behaviour {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let handle = Handle(*self);
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::default());
            Ok(grpc.streaming(handle, request).await)
        })
    }
}

struct Handle(Behaviour);

impl StreamingService<EventSourcedStreamIn> for Handle {
    type Response = WireOut;
    type ResponseStream = Replies;
    type Future = std::future::Ready<Result<Response<Replies>, Status>>;

    fn call(&mut self, request: Request<Streaming<EventSourcedStreamIn>>) -> Self::Future {
        let Behaviour { on_failure, fault } = self.0;
        let mut model = Model::new(on_failure, fault);
        let replies = request.into_inner().flat_map(move |message| {
            let messages = match message {
                Ok(message) => model.receive(message.message.unwrap()),
                Err(_) => Vec::new(),
            };
            stream::iter(
                messages
                    .into_iter()
                    .map(move |message| Ok(wire(message, fault))),
            )
        });
        let end: Replies = match fault {
            Some(Fault::NeverCompletes) => Box::pin(stream::pending()),
            Some(Fault::EndsWithError) => {
                Box::pin(stream::iter([Err(Status::internal("could not end"))]))
            }
            _ => Box::pin(stream::empty()),
        };
        let replies: Replies = Box::pin(replies.chain(end));
        std::future::ready(Ok(Response::new(replies)))
    }
}

fn wire(message: EventSourcedStreamOut, fault: Option<Fault>) -> WireOut {
    let (reply, failure) = match message.message {
        Some(Out::Reply(reply)) => (Some(reply), None),
        Some(Out::Failure(failure)) => (None, Some(failure)),
        None => (None, None),
    };
    WireOut {
        reply,
        failure,
        unknown: u32::from(fault == Some(Fault::UnknownField)),
    }
}
