//! What makes a wrong proxy of a right one: it stands before it, and changes what clients say and get.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, Version, header::ACCEPT, request::Parts};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the proxy does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A command reaches its entity twice.
    CallsTwice,
    /// Streams have one form only, whatever is asked for.
    EventsAreLines,
    /// One call in ten finds its entity gone.
    FailsNowAndThen,
    /// A caller's deadline is not known.
    ForgetsDeadlines,
    /// The responses of a stream stand behind each other without anything between them.
    JoinsLines,
    /// The default route is there beside the method's own.
    KeepsDefaultRoutes,
    /// There is no reflection.
    NoReflection,
    /// The first version of reflection alone.
    OldReflectionOnly,
    /// Bodies may have half a megabyte.
    RefusesLarge,
    /// What is not there is an error of the proxy's own.
    UnknownIsInternal,
}

/// A running front-end; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct WrongFrontEnd {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl WrongFrontEnd {
    /// Passes on to this proxy what clients ask.
    pub(crate) async fn start(proxy: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = Arc::new(Relay {
            proxy,
            fault,
            calls: AtomicUsize::new(0),
            http1: Client::builder(TokioExecutor::new()).build_http(),
            http2: Client::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http(),
        });
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let relay = Arc::clone(&relay);
                let service = service_fn(move |request| Arc::clone(&relay).pass_on(request));
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A connection's errors are its own.
                    let _ = server
                        .serve_connection(TokioIo::new(connection), service)
                        .await;
                });
            }
        });
        Self { address, server }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for WrongFrontEnd {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

struct Relay {
    proxy: SocketAddr,
    fault: Fault,
    calls: AtomicUsize,
    http1: Client<HttpConnector, Body>,
    http2: Client<HttpConnector, Body>,
}

impl Relay {
    async fn pass_on(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let (mut parts, body) = request.into_parts();
        let is_grpc = parts.version == Version::HTTP_2;
        let path = parts.uri.path().to_owned();
        let mut body = body.boxed_unsync();
        match self.fault {
            Fault::ForgetsDeadlines => {
                parts.headers.remove("grpc-timeout");
            }
            Fault::EventsAreLines => {
                let json = HeaderValue::from_static("application/json");
                parts.headers.insert(ACCEPT, json);
            }
            Fault::OldReflectionOnly if path.contains("grpc.reflection.v1.") => {
                return Ok(refusal(12));
            }
            Fault::NoReflection if path.contains("grpc.reflection.") => return Ok(refusal(12)),
            Fault::FailsNowAndThen
                if is_grpc && self.calls.fetch_add(1, Ordering::Relaxed) % 10 == 9 =>
            {
                return Ok(refusal(14));
            }
            Fault::KeepsDefaultRoutes if path.ends_with("EventSourcedTckModel/Process") => {
                let json = read(body).await;
                let request: serde_json::Value = serde_json::from_slice(&json).unwrap();
                let id = request["id"].as_str().unwrap();
                parts.uri = format!("/tck/model/eventsourced/{id}").parse().unwrap();
                body = full(json);
            }
            Fault::RefusesLarge => {
                let bytes = read(body).await;
                if bytes.len() > 500_000 {
                    return Ok(refusal(8));
                }
                body = full(bytes);
            }
            Fault::CallsTwice if path.ends_with("/Process") => {
                let bytes = read(body).await;
                let (relay, parts, again) = (Arc::clone(&self), parts.clone(), full(bytes.clone()));
                tokio::spawn(async move { read(relay.ask(parts, again).await.into_body()).await });
                body = full(bytes);
            }
            _ => {}
        }
        let response = self.ask(parts, body).await;
        Ok(match self.fault {
            Fault::UnknownIsInternal
                if response
                    .headers()
                    .get("grpc-status")
                    .is_some_and(|it| it == "12") =>
            {
                refusal(13)
            }
            Fault::JoinsLines => response.map(|body| {
                let joined = body.map_frame(|frame| {
                    frame
                        .map_data(|bytes| bytes.iter().copied().filter(|it| *it != b'\n').collect())
                });
                joined.boxed_unsync()
            }),
            _ => response,
        })
    }

    async fn ask(&self, mut parts: Parts, body: Body) -> Response<Body> {
        let path = parts.uri.path_and_query().unwrap().clone();
        parts.uri = Uri::builder()
            .scheme("http")
            .authority(self.proxy.to_string())
            .path_and_query(path)
            .build()
            .unwrap();
        let client = match parts.version {
            Version::HTTP_2 => &self.http2,
            _ => &self.http1,
        };
        let request = Request::from_parts(parts, body);
        match client.request(request).await {
            Ok(response) => response.map(BodyExt::boxed_unsync),
            // The proxy is stopped while calls are left over.
            Err(_) => refusal(14),
        }
    }
}

/// The end of a gRPC call that has no response.
fn refusal(code: u8) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", code.to_string())
        .body(full(Bytes::new()))
        .unwrap()
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// All of a body; of one that its sender gives up, nothing.
async fn read(body: Body) -> Bytes {
    body.collect()
        .await
        .map_or_else(|_| Bytes::new(), |body| body.to_bytes())
}
