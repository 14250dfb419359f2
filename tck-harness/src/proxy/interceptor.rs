//! Stands between a proxy and a service: passes every call on as it is, and records both directions.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes};
use cloudstate_protocol::version;
use futures_util::stream::{self, Stream};
use http::uri::PathAndQuery;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Extensions, Request, Response, Status, Streaming,
    body::Body,
    client,
    codec::{Codec, EncodeBuf, Encoder},
    server::{self, NamedService, StreamingService},
    transport::{Channel, Server},
};
use tower::Service;

use super::recording::{Recorder, record};
use crate::{raw_codec::RawCodec, reader::Event};

/// What a service serves to a proxy.
const SERVICES: [&str; 5] = [
    "cloudstate.EntityDiscovery",
    version::ACTION,
    version::CRDT,
    version::EVENT_SOURCED,
    version::VALUE_ENTITY,
];

/// The server that the proxy takes for the service. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Interceptor {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Interceptor {
    /// Listens at this address for the proxy of the service at the other end of the channel.
    pub(super) async fn bind(
        address: &str,
        service: Channel,
        recorder: Recorder,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let relay = Relay { service, recorder };
        let serving = Server::builder()
            .add_service(Served::<0>(relay.clone()))
            .add_service(Served::<1>(relay.clone()))
            .add_service(Served::<2>(relay.clone()))
            .add_service(Served::<3>(relay.clone()))
            .add_service(Served::<4>(relay))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async {
            // It ends with the task; a connection's errors are its own.
            let _ = serving.await;
        });
        Ok(Self { address, server })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Interceptor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One of [`SERVICES`], by its index.
#[derive(Clone, Debug)]
struct Served<const SERVICE: usize>(Relay);

impl<const SERVICE: usize> NamedService for Served<SERVICE> {
    const NAME: &'static str = SERVICES[SERVICE];
}

impl<const SERVICE: usize> Service<http::Request<Body>> for Served<SERVICE> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let relay = self.0.clone();
        Box::pin(async move {
            // A unary call is a stream of one message as well.
            let path = request.uri().path().to_owned();
            let relayed = Relayed { relay, path };
            Ok(server::Grpc::new(RawCodec)
                .streaming(relayed, request)
                .await)
        })
    }
}

#[derive(Clone, Debug)]
struct Relay {
    service: Channel,
    recorder: Recorder,
}

/// One call.
struct Relayed {
    relay: Relay,
    path: String,
}

type Back = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl StreamingService<Bytes> for Relayed {
    type Response = Bytes;
    type ResponseStream = Back;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Back>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let relay = self.relay.clone();
        let path = self.path.clone();
        Box::pin(async move { relay.pass_on(path, request).await })
    }
}

impl Relay {
    async fn pass_on(
        self,
        path: String,
        request: Request<Streaming<Bytes>>,
    ) -> Result<Response<Back>, Status> {
        let rpc = PathAndQuery::try_from(&*path)
            .map_err(|error| Status::internal(format!("{path:?} is no path: {error}")))?;
        let (there, back) = self.recorder.call(&path).await;
        let (metadata, _, input) = request.into_parts();
        let (call, given_up) = oneshot::channel();
        let input = input_of(input, there, given_up);
        let request = Request::from_parts(metadata, Extensions::new(), input);
        let mut service = client::Grpc::new(self.service);
        let answer = match service.ready().await {
            Ok(()) => service.streaming(request, rpc, RelayCodec).await,
            Err(error) => Err(Status::unavailable(error.to_string())),
        };
        match answer {
            Ok(answer) => Ok(answer.map(|output| output_of(output, back, call))),
            Err(status) => {
                let _ = back.send(Event::Failed(status.clone())).await;
                Err(status)
            }
        }
    }
}

/// What the proxy sends, recorded. An input that is cancelled, by the proxy or with the whole call, is not one that ends:
/// it fails, and the service's call is reset.
fn input_of(
    input: Streaming<Bytes>,
    recorder: mpsc::Sender<Event>,
    given_up: oneshot::Receiver<Infallible>,
) -> impl Stream<Item = Result<Bytes, Status>> + Send {
    let state = Some((input, recorder, given_up));
    stream::unfold(state, |state| async move {
        let (mut input, recorder, mut given_up) = state?;
        let read = tokio::select! {
            read = input.message() => read,
            _ = &mut given_up => Err(Status::cancelled("the call was given up")),
        };
        match read {
            Ok(Some(message)) => {
                record(&recorder, Event::Message(message.clone())).await;
                Some((Ok(message), Some((input, recorder, given_up))))
            }
            Ok(None) => {
                record(&recorder, Event::Completed).await;
                None
            }
            Err(status) => {
                record(&recorder, Event::Failed(status.clone())).await;
                Some((Err(status), None))
            }
        }
    })
}

/// What the service sends, recorded. Whoever drops it gives up the call.
fn output_of(
    output: Streaming<Bytes>,
    recorder: mpsc::Sender<Event>,
    call: oneshot::Sender<Infallible>,
) -> Back {
    let state = Some((output, recorder, call));
    Box::pin(stream::unfold(state, |state| async move {
        let (mut output, recorder, call) = state?;
        match output.message().await {
            Ok(Some(message)) => {
                record(&recorder, Event::Message(message.clone())).await;
                Some((Ok(message), Some((output, recorder, call))))
            }
            Ok(None) => {
                record(&recorder, Event::Completed).await;
                None
            }
            Err(status) => {
                record(&recorder, Event::Failed(status.clone())).await;
                Some((Err(status), None))
            }
        }
    }))
}

/// Bytes as they are, and instead of them perhaps the end of a call that is given up: to fail is the one way to reset a
/// request that hyper is sending.
#[derive(Clone, Copy, Debug, Default)]
struct RelayCodec;

impl Codec for RelayCodec {
    type Encode = Result<Bytes, Status>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = RawCodec;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> RawCodec {
        RawCodec
    }
}

impl Encoder for RelayCodec {
    type Item = Result<Bytes, Status>;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item?);
        Ok(())
    }
}
