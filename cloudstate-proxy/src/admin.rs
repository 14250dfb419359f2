//! The operators' port: metrics and probes, and whatever else is not for clients.
//!
//! It is served from the start, before there is a user function to serve, and until the very end.

pub(crate) mod dead_letters;
mod metrics;
mod probes;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    metrics::Metrics,
    readiness::Readiness,
    settings::{OperatorPort, Settings},
};

/// The port where none is set.
const DEFAULT_PORT: u16 = 9090;
/// Connections at one time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// Largest request body.
const MAX_BODY: usize = 1 << 20;
/// How long a client may take over the head of a request, and over its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of resources, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers the requests below one path.
pub(crate) type Handler =
    Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// The operators' port. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Admin {
    routes: Arc<Routes>,
    serving: Option<(SocketAddr, AbortOnDropHandle<()>)>,
}

/// Handlers by the first segment of a path.
#[derive(Default)]
struct Routes(RwLock<BTreeMap<&'static str, Handler>>);

impl Admin {
    /// Binds the port, unless it is switched off, and serves metrics and probes on it.
    ///
    /// A taken port is an error only where the operator has chosen it: the second service on somebody's machine does
    /// without.
    ///
    /// # Errors
    /// The port cannot be bound, with what was asked for.
    pub(crate) async fn start(
        settings: &Settings,
        metrics: &Metrics,
        readiness: &Arc<Readiness>,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let routes = Arc::new(Routes::default());
        let serving = bind(settings).await?.map(|socket| {
            let address = socket.local_addr().unwrap_or(([0, 0, 0, 0], 0).into());
            tracing::info!("metrics and probes on http://{address}");
            let task = tokio::spawn(accept(socket, Arc::clone(&routes)));
            (address, AbortOnDropHandle::new(task))
        });
        let admin = Self { routes, serving };
        for path in ["", "metrics"] {
            admin.add(path, metrics::handler_of(metrics.clone()));
        }
        admin.add("ready", probes::ready(Arc::clone(readiness)));
        admin.add("alive", probes::alive(Arc::clone(readiness)));
        Ok(admin)
    }

    /// Where it is served, if it is.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.serving.as_ref().map(|(address, _)| *address)
    }

    /// Has requests answered whose path begins with this segment. A later handler of a segment takes an earlier one's
    /// place.
    pub(crate) fn add(&self, segment: &'static str, handler: Handler) {
        let mut routes = self
            .routes
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        routes.insert(segment, handler);
    }
}

impl Routes {
    fn find(&self, path: &str) -> Result<Handler, String> {
        let segment = path.split('/').nth(1).unwrap_or_default();
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        routes.get(segment).cloned().ok_or_else(|| {
            let known: Vec<String> = routes.keys().map(|segment| format!("/{segment}")).collect();
            format!("nothing is at {path}; there is {}\n", known.join(", "))
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let handler = match self.find(request.uri().path()) {
            Ok(handler) => handler,
            Err(message) => return text(StatusCode::NOT_FOUND, message),
        };
        let (parts, body) = request.into_parts();
        let body = timeout(PATIENCE, Limited::new(body, MAX_BODY).collect());
        match body.await {
            Ok(Ok(body)) => handler(Request::from_parts(parts, body.to_bytes())).await,
            Ok(Err(error)) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
            Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}

/// A handler of requests that are answered at once.
pub(crate) fn handler(
    answer: impl Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
) -> Handler {
    Arc::new(move |request| std::future::ready(answer(request)).boxed())
}

/// A response of plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

async fn bind(settings: &Settings) -> Result<Option<TcpListener>, (SocketAddr, io::Error)> {
    let port = match settings.metrics_port {
        Some(OperatorPort::Off) => return Ok(None),
        Some(OperatorPort::Port(port)) => port,
        None => DEFAULT_PORT,
    };
    let address = SocketAddr::new(settings.metrics_host, port);
    match TcpListener::bind(address).await {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if settings.metrics_port.is_none() => {
            tracing::warn!(
                %error,
                "no metrics: port {DEFAULT_PORT} cannot be had; METRICS_PORT sets another, `off` needs none"
            );
            Ok(None)
        }
        Err(error) => Err((address, error)),
    }
}

async fn accept(socket: TcpListener, routes: Arc<Routes>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&routes)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the operators' port could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, routes: Arc<Routes>) {
    let service = service_fn(move |request| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, std::convert::Infallible>(routes.answer(request).await.map(Full::new)) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the operators' port ended badly");
    }
}
