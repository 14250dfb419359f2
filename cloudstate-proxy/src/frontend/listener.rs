//! The port: accepts connections, serves both HTTP versions on each, and drains them when asked to stop.

mod idle;
mod opening;
mod turn;

use std::{future::ready, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use cloudstate_transport::Acceptor;
use futures_util::{FutureExt, future::Either};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Entrance, Received};
use crate::{metrics::Limit, requests::Requests, settings::Settings};
use idle::Idle;
use opening::Opening;
use turn::{InTurns, Portioned, Turn};

/// Bytes that one HTTP/2 stream may be ahead of whoever reads it. A connection has room for all its streams to be ahead:
/// one that nobody reads stops no other.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Calls of one HTTP/2 connection that may be cancelled before they were even looked at. Whoever shares a connection
/// shares its end, and behind a load balancer many clients do: one that gives up on hundreds of calls at once, as a
/// deadline or a closed browser tab makes it, must not end it for all. The default of 20 does; this number is met by
/// attackers only, whom it costs the connection.
const PENDING_RESETS: usize = 10_000;
/// A client that has not answered a ping for this long after the interval is gone.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));
/// How long connections without a request in progress may take to close when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause after an accept that failed for want of resources, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port that nobody is served on yet.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    acceptor: Acceptor,
}

/// What one connection may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    head_timeout: Duration,
    idle_timeout: Duration,
    /// Streams that are open at a time over HTTP/2.
    streams: u32,
}

impl Limits {
    fn new(settings: &Settings) -> Self {
        let streams = settings.max_streams_per_connection.get();
        Self {
            head_timeout: settings.head_timeout,
            idle_timeout: settings.idle_timeout,
            streams: u32::try_from(streams).unwrap_or(u32::MAX),
        }
    }

    /// No less than HTTP/2 begins with, and no more than it knows.
    fn connection_window(self) -> u32 {
        let window = self.streams.saturating_mul(STREAM_WINDOW);
        window.clamp(65_535, (1 << 31) - 1)
    }
}

/// A port that is being served.
#[derive(Debug)]
pub(crate) struct Serving {
    address: SocketAddr,
    scheme: &'static str,
    stop: CancellationToken,
    /// Gives the connections when it accepts none any more.
    task: JoinHandle<TaskTracker>,
    entrance: Arc<Entrance>,
}

impl Listener {
    pub(crate) async fn bind(settings: &Settings, acceptor: Acceptor) -> io::Result<Self> {
        let socket = TcpListener::bind((settings.http_host, settings.http_port)).await?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            acceptor,
        })
    }

    pub(crate) fn serve(self, entrance: Arc<Entrance>, settings: &Settings) -> Serving {
        let stop = CancellationToken::new();
        let max_connections = settings.max_connections.get().min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(max_connections));
        let scheme = self.acceptor.scheme();
        let free = Arc::clone(&places);
        entrance.frontend().router.metrics().read(
            "cloudstate_frontend_connections",
            "Connections of clients.",
            move || (max_connections - free.available_permits()) as f64,
        );
        let task = tokio::spawn(accept(
            self.socket,
            self.acceptor,
            Arc::clone(&entrance),
            places,
            Limits::new(settings),
            stop.clone(),
        ));
        Serving {
            address: self.address,
            scheme,
            stop,
            task,
            entrance,
        }
    }
}

impl Serving {
    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL: `https://127.0.0.1:9000`.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Accepts nothing more, and waits until the requests in progress have been answered.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let Ok(connections) = self.task.await else {
            return;
        };
        connections.close();
        let mut closed = pin!(connections.wait());
        let frontend = self.entrance.frontend();
        tokio::select! {
            () = &mut closed => return,
            () = frontend.wind_down() => {}
        }
        // A client that does not answer any more would keep its connection, and the process, for nothing.
        if timeout(LAST_WORDS, closed).await.is_err() {
            tracing::debug!("some clients did not close their connections");
        }
    }
}

async fn accept(
    socket: TcpListener,
    acceptor: Acceptor,
    entrance: Arc<Entrance>,
    places: Arc<Semaphore>,
    limits: Limits,
    stop: CancellationToken,
) -> TaskTracker {
    let connections = TaskTracker::new();
    let mut idle = Idle::new(limits.idle_timeout);
    loop {
        let accepted = tokio::select! {
            accepted = next(&socket, &places) => accepted,
            () = stop.cancelled() => return connections,
            never = idle.run() => match never {},
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (acceptor, leave) = (acceptor.clone(), stop.child_token());
        let requests = idle.watch(leave.clone());
        let entrance = Arc::clone(&entrance);
        connections.spawn(async move {
            // A handshake takes as long as its client likes: it is nobody else's business, and not worth waiting for.
            let stream = tokio::select! {
                accepted = acceptor.accept(stream) => accepted,
                () = leave.cancelled() => return,
            };
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a client could not be talked to over TLS");
                    return;
                }
            };
            let metrics = entrance.frontend().router.metrics().clone();
            let turn = Arc::new(Turn::new());
            let hearing = Arc::clone(&turn);
            let service = service_fn(move |request| {
                requests.count();
                match entrance.frontend().receive(request) {
                    Received::Taken(answer) => Either::Left(answer),
                    Received::Answered(response) => {
                        hearing.refuse();
                        Either::Right(ready(Ok(response)))
                    }
                }
            });
            let stream = Portioned::new(stream, Arc::clone(&turn));
            let stream = TokioIo::new(Opening::new(stream, limits.head_timeout));
            let in_progress = Requests::default();
            let protocol = protocol(limits, in_progress.clone());
            let connection = async move {
                let mut connection = pin!(protocol.serve_connection(stream, service));
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = leave.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            };
            if let Err(error) = InTurns::new(in_progress.run(connection.boxed()), turn).await {
                if opening::is_too_late(&*error) {
                    metrics.rejected(Limit::HeadTimeout);
                }
                tracing::debug!(%error, "a connection ended badly");
            }
            drop(place);
        });
    }
}

async fn next(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    Ok((stream, place))
}

fn protocol(limits: Limits, requests: Requests) -> auto::Builder<Requests> {
    let mut builder = auto::Builder::new(requests);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(limits.connection_window())
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    builder
}
