//! Stands between a proxy and a service: passes every call on as it is, and records both directions.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes};
use cloudstate_protocol::{cloudstate::UserFunctionError, version};
use futures_util::stream::{self, Stream};
use http::uri::PathAndQuery;
use prost::Message as _;
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

use crate::{connection::IN_FLIGHT, raw_codec::RawCodec, reader::Event};

/// What a service serves to a proxy.
const SERVICES: [&str; 5] = [
    "cloudstate.EntityDiscovery",
    version::ACTION,
    version::CRDT,
    version::EVENT_SOURCED,
    version::VALUE_ENTITY,
];

/// Where a proxy says what it finds wrong with the service. It is no part of a conversation.
const REPORT_ERROR: &str = "/cloudstate.EntityDiscovery/reportError";

/// Calls that nobody has looked at yet. A proxy that makes more has to wait.
const WAITING_CALLS: usize = 256;

/// Reported errors that are kept.
const KEPT_REPORTS: usize = 20;

/// The server that the proxy takes for the service. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Interceptor {
    address: SocketAddr,
    server: JoinHandle<()>,
    reports: Reports,
}

/// A call that has come from the proxy. What is said in it is passed on whether or not this is read or kept.
#[derive(Debug)]
pub(crate) struct RecordedCall {
    /// Such as `/cloudstate.crdt.Crdt/handle`.
    pub(crate) path: String,
    /// From the proxy to the service.
    pub(crate) there: mpsc::Receiver<Event>,
    /// From the service to the proxy.
    pub(crate) back: mpsc::Receiver<Event>,
}

#[derive(Clone, Debug, Default)]
struct Reports(Arc<Mutex<Vec<String>>>);

impl Interceptor {
    /// Listens at this address for the proxy of the service at the other end of the channel. Its calls come out of the
    /// receiver in their order.
    pub(crate) async fn bind(
        address: &str,
        service: Channel,
    ) -> io::Result<(Self, mpsc::Receiver<RecordedCall>)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (calls, recorded) = mpsc::channel(WAITING_CALLS);
        let reports = Reports::default();
        let relay = Relay {
            service,
            calls,
            reports: reports.clone(),
        };
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
        let interceptor = Self {
            address,
            server,
            reports,
        };
        Ok((interceptor, recorded))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The errors that the proxy has reported to the service since the last time.
    pub(crate) fn take_reports(&self) -> Vec<String> {
        let mut reports = self
            .reports
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut reports)
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
    calls: mpsc::Sender<RecordedCall>,
    reports: Reports,
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
        let (there, recorded_there) = mpsc::channel(IN_FLIGHT);
        let (back, recorded_back) = mpsc::channel(IN_FLIGHT);
        let (metadata, _, input) = request.into_parts();
        if path == REPORT_ERROR {
            self.reports.keep(recorded_there);
        } else {
            let call = RecordedCall {
                path,
                there: recorded_there,
                back: recorded_back,
            };
            // Nobody listens any more when the run has ended; what is on its way then may still go through.
            let _ = self.calls.send(call).await;
        }
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

/// What is recorded may be of no interest any more, and is passed on nevertheless.
async fn record(recorder: &mpsc::Sender<Event>, event: Event) {
    let _ = recorder.send(event).await;
}

impl Reports {
    /// Keeps what is in the one message of a call.
    fn keep(&self, mut there: mpsc::Receiver<Event>) {
        let reports = self.clone();
        tokio::spawn(async move {
            let Some(Event::Message(bytes)) = there.recv().await else {
                return;
            };
            let text = UserFunctionError::decode(bytes).map_or_else(
                |error| format!("(not a UserFunctionError: {error})"),
                |error| error.message,
            );
            let mut kept = reports.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_REPORTS {
                kept.push(text);
            }
        });
    }
}
