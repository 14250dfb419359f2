//! A gRPC client whose calls are typed by the rpcs of a service.

use std::net::SocketAddr;

use ::http::uri::PathAndQuery;
use cloudstate::{
    Rpc, Service,
    service::{ClientStreaming, ServerStreaming, Streaming, Unary},
};
use futures_util::Stream;
use tokio::time::timeout;
use tonic::{
    Request, Status,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::DEADLINE;

/// A client of one server, with one connection.
///
/// A call names its rpc by the constant that the build script wrote: `client.call(pb::Votes::Cast, request)`.
#[derive(Clone, Debug)]
pub struct Client(Channel);

/// The responses of a call that answers with a stream. Dropping it cancels the call.
#[derive(Debug)]
pub struct Responses<T>(tonic::Streaming<T>);

impl Client {
    /// Connects to a server.
    ///
    /// # Panics
    /// Nobody listens.
    pub async fn connect(server: SocketAddr) -> Self {
        let endpoint =
            Endpoint::from_shared(format!("http://{server}")).expect("an address is a URI");
        let connected = timeout(DEADLINE, endpoint.connect()).await;
        Self(connected.expect("an answer in time").expect("a connection"))
    }

    /// One request, one response.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn call<R: Rpc<Shape = Unary>>(
        &self,
        _rpc: R,
        request: R::Request,
    ) -> Result<R::Response, Status>
    where
        R::Request: Send + Sync + 'static,
        R::Response: Send + Sync + 'static,
    {
        let mut grpc = self.ready().await?;
        let request = Request::new(request);
        let answer = grpc.unary(request, path::<R>(), ProstCodec::<R::Request, _>::default());
        in_time(answer).await.map(tonic::Response::into_inner)
    }

    /// One request, a stream of responses.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn watch<R: Rpc<Shape = ServerStreaming>>(
        &self,
        _rpc: R,
        request: R::Request,
    ) -> Result<Responses<R::Response>, Status>
    where
        R::Request: Send + Sync + 'static,
        R::Response: Send + Sync + 'static,
    {
        let mut grpc = self.ready().await?;
        let request = Request::new(request);
        let codec = ProstCodec::<R::Request, _>::default();
        let answer = grpc.server_streaming(request, path::<R>(), codec);
        let answer = in_time(answer).await?;
        Ok(Responses(answer.into_inner()))
    }

    /// A stream of requests, one response.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn send_all<R: Rpc<Shape = ClientStreaming>>(
        &self,
        _rpc: R,
        requests: impl Stream<Item = R::Request> + Send + 'static,
    ) -> Result<R::Response, Status>
    where
        R::Request: Send + Sync + 'static,
        R::Response: Send + Sync + 'static,
    {
        let mut grpc = self.ready().await?;
        let request = Request::new(requests);
        let codec = ProstCodec::<R::Request, _>::default();
        let answer = grpc.client_streaming(request, path::<R>(), codec);
        in_time(answer).await.map(tonic::Response::into_inner)
    }

    /// Streams both ways.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn converse<R: Rpc<Shape = Streaming>>(
        &self,
        _rpc: R,
        requests: impl Stream<Item = R::Request> + Send + 'static,
    ) -> Result<Responses<R::Response>, Status>
    where
        R::Request: Send + Sync + 'static,
        R::Response: Send + Sync + 'static,
    {
        let mut grpc = self.ready().await?;
        let request = Request::new(requests);
        let answer = grpc.streaming(request, path::<R>(), ProstCodec::<R::Request, _>::default());
        let answer = in_time(answer).await?;
        Ok(Responses(answer.into_inner()))
    }

    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}

impl<T> Responses<T> {
    /// The next response; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream ended with this status.
    ///
    /// # Panics
    /// There is none before the deadline.
    pub async fn next(&mut self) -> Result<Option<T>, Status> {
        in_time(self.0.message()).await
    }
}

async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, answer).await {
        Ok(answer) => answer,
        Err(_) => panic!("no answer within {DEADLINE:?}"),
    }
}

fn path<R: Rpc>() -> PathAndQuery {
    let path = format!("/{}/{}", R::Service::NAME, R::NAME);
    PathAndQuery::try_from(path).expect("names of services and rpcs are fit for paths")
}
