//! A client of the services of [`function`](crate::function), over gRPC and plain HTTP.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::uri::PathAndQuery;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::{
    IntoRequest, Status, Streaming,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::programs::DEADLINE;

/// Every request: for an entity, or for an action, which makes nothing of the id.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Entry {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
}

/// Every response.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Said {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    channel: Channel,
    address: SocketAddr,
}

impl Client {
    /// A client with a connection of its own.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self {
            channel: endpoint.connect_lazy(),
            address,
        }
    }

    /// Tells the ledger of this id to do something.
    pub(crate) async fn add(&self, id: &str, text: &str) -> Result<String, Status> {
        self.call("test.Ledger/Add", id, text, None).await
    }

    /// Calls a method, with a deadline where one is given. Without one it must be answered all the same.
    pub(crate) async fn call(
        &self,
        method: &str,
        id: &str,
        text: &str,
        deadline: Option<Duration>,
    ) -> Result<String, Status> {
        let mut grpc = self.grpc().await?;
        let mut request = entry(id, text).into_request();
        if let Some(deadline) = deadline {
            request.set_timeout(deadline);
        }
        let codec = ProstCodec::<Entry, Said>::default();
        let answer = grpc.unary(request, path(method), codec);
        let answer = timeout(DEADLINE, answer).await.unwrap_or_else(|_| {
            panic!("{method} {id} {text} is not answered");
        });
        Ok(answer?.into_inner().text)
    }

    pub(crate) async fn stream(&self, method: &str, text: &str) -> Result<Streaming<Said>, Status> {
        let mut grpc = self.grpc().await?;
        let codec = ProstCodec::<Entry, Said>::default();
        let request = entry("", text).into_request();
        let response = grpc.server_streaming(request, path(method), codec).await?;
        Ok(response.into_inner())
    }

    /// What a call is answered with whose message does not come.
    pub(crate) async fn call_without_end(&self, method: &str) -> Status {
        let mut grpc = self.grpc().await.unwrap();
        let codec = ProstCodec::<Entry, Said>::default();
        let request = tonic::Request::new(futures_util::stream::pending::<Entry>());
        let answer = grpc.client_streaming(request, path(method), codec);
        timeout(DEADLINE, answer).await.unwrap().unwrap_err()
    }

    /// Streams into a method for as long as it is taken, and counts what has been.
    pub(crate) async fn fill(self, method: &str, taken: Arc<AtomicUsize>) -> Result<(), Status> {
        let mut grpc = self.grpc().await?;
        let codec = ProstCodec::<Entry, Said>::default();
        let text = "x".repeat(10_000);
        let entries = futures_util::stream::repeat_with(move || {
            taken.fetch_add(1, Ordering::Relaxed);
            entry("", &text)
        });
        let request = tonic::Request::new(entries);
        grpc.client_streaming(request, path(method), codec).await?;
        Ok(())
    }

    async fn grpc(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::from_error(error.into()))?;
        Ok(grpc)
    }

    /// The status code and the body that `GET` is answered with.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, connection.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (code, body.to_owned())
    }
}

fn entry(id: &str, text: &str) -> Entry {
    Entry {
        id: id.into(),
        text: text.into(),
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/{method}").parse().unwrap()
}
