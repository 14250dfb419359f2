//! Serves clients: gRPC and HTTP/JSON on one port, for whatever services the catalog holds.

mod builtin;
mod cors;
mod entrance;
mod grpc;
mod http_json;
mod listener;
mod metadata;
mod refusal;

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use cloudstate_process::{Stopped, Stopping};
use futures_util::FutureExt;

use http::{
    Request, Response, Version,
    header::{CONTENT_TYPE, ORIGIN},
};
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tonic::{Code, body::Body};

use crate::{
    call::CallError,
    metrics::{Limit, RequestMeter},
    readiness::Readiness,
    router::Router,
    settings::{Settings, WebSettings},
    store::Demand,
    trace::Tracer,
};
use builtin::Builtin;
use cors::Cors;
use refusal::Refusal;

pub(crate) use entrance::Entrance;
#[cfg(feature = "fuzzing")]
pub(crate) use grpc::fuzzing;
pub(crate) use listener::{Listener, Serving};

/// How long a stream may take over its next message once the process is asked to stop.
const LAST_MESSAGE: Duration = Duration::from_secs(1);

/// Answers requests; one for all connections, until something else is to be served.
#[derive(Debug)]
pub(crate) struct Frontend {
    router: Router,
    builtin: Builtin,
    cors: Option<Cors>,
    readiness: Arc<Readiness>,
    tracer: Tracer,
    places: Arc<Semaphore>,
    requests: TaskTracker,
    stopping: Stopping,
    refusal: Refusal,
    max_message_size: usize,
    /// How long the message of a request may take to arrive.
    request_timeout: Duration,
    web: WebSettings,
}

impl Frontend {
    pub(crate) async fn new(
        router: Router,
        settings: &Settings,
        readiness: Arc<Readiness>,
        tracer: Tracer,
    ) -> Self {
        let max_requests = settings.max_requests.get().min(Semaphore::MAX_PERMITS);
        let builtin = Builtin::new(router.catalog(), readiness.able()).await;
        let requests = TaskTracker::new();
        let in_progress = requests.clone();
        router.metrics().read(
            "cloudstate_frontend_requests_in_progress",
            "Requests whose response has not been handed over whole.",
            move || in_progress.len() as f64,
        );
        Self {
            router,
            builtin,
            cors: Cors::new(&settings.web),
            readiness,
            tracer,
            places: Arc::new(Semaphore::new(max_requests)),
            requests,
            stopping: Stopping::default(),
            refusal: Refusal::new(max_requests),
            max_message_size: settings.max_message_size.get(),
            request_timeout: settings.request_timeout,
            web: settings.web.clone(),
        }
    }

    /// How many requests are in progress, whenever it is asked.
    pub(crate) fn demand(&self) -> Demand {
        let requests = self.requests.clone();
        Arc::new(move || requests.len())
    }

    /// A front-end for what is served from now on, in place of this one.
    async fn succeed(&self, router: Router) -> Self {
        let builtin = self
            .builtin
            .succeed(self.router.catalog(), router.catalog())
            .await;
        Self {
            router,
            builtin,
            cors: self.cors.clone(),
            readiness: Arc::clone(&self.readiness),
            tracer: self.tracer.clone(),
            places: Arc::clone(&self.places),
            requests: self.requests.clone(),
            stopping: self.stopping.clone(),
            web: self.web.clone(),
            refusal: self.refusal.clone(),
            ..*self
        }
    }

    /// Tells those who ask for the health of a service how it is.
    async fn tell_health(&self) {
        let able = self.readiness.able();
        self.builtin.set_able(self.router.catalog(), able).await;
    }

    /// Tells those who ask for its health that it stops, and waits until no request is in progress.
    async fn wind_down(&self) {
        self.stopping.stop();
        self.readiness.stop();
        self.tell_health().await;
        self.requests.close();
        self.requests.wait().await;
    }

    /// Takes a request in, or answers it at once.
    pub(crate) fn receive(self: Arc<Self>, request: Request<Incoming>) -> Received {
        match self.admit(&request) {
            Ok(in_progress) => {
                // In a box: on its way into a task of its own a request would be copied whole several times, 3 KB each.
                Received::Taken(Box::pin(self.answer(request, in_progress)))
            }
            Err(response) => {
                if request.version() == Version::HTTP_2 {
                    refusal::hear_out(request.into_body());
                }
                Received::Answered(response)
            }
        }
    }

    /// Gives a request its place; the answer to one that has none, or needs none.
    ///
    /// It is no future, because whoever is refused must cost next to nothing, not even a task: see `listener/turn.rs`.
    #[expect(
        clippy::result_large_err,
        reason = "a box would be one more allocation for every refusal"
    )]
    fn admit(&self, request: &Request<Incoming>) -> Result<InProgress, Response<Body>> {
        let cors = self.cors.as_ref();
        let answer = cors::intrusion(cors, request);
        if let Some(answer) = answer.or_else(|| cors?.preflight(request)) {
            return Err(answer);
        }
        let mut meter = RequestMeter::new(self.router.metrics().clone());
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(InProgress {
                _place: place,
                _token: self.requests.token(),
                meter,
            });
        }
        meter.answered(Code::ResourceExhausted);
        self.router.metrics().rejected(Limit::Requests);
        let mut response = self.refusal.answer(Speech::of(request));
        if let Some(cors) = cors {
            cors.open(request.headers().get(ORIGIN), &mut response);
        }
        Err(response)
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        in_progress: InProgress,
    ) -> Result<Response<Body>, Infallible> {
        let origin = request.headers().get(ORIGIN);
        let origin = self.cors.as_ref().and(origin).cloned();
        let mut response = match Speech::of(&request) {
            Speech::Grpc => grpc::answer(&self, request, in_progress).await,
            // In boxes of their own: each is twice as large as the one above, and would make it as large.
            Speech::GrpcWeb => Box::pin(grpc::answer_web(&self, request, in_progress)).await,
            Speech::Http => Box::pin(http_json::answer(&self, request, in_progress)).await,
        };
        if let Some(cors) = &self.cors {
            cors.open(origin.as_ref(), &mut response);
        }
        Ok(response)
    }

    /// What ends a stream when the process stops.
    fn last_message(&self) -> LastMessage {
        LastMessage {
            stopped: self.stopping.stopped(),
            time: None,
        }
    }
}

/// Ends a stream when the process has been asked to stop and the stream has had its time for one more message.
///
/// A stream that goes on may finish; one that waits for something to happen would keep the process.
#[derive(Debug)]
struct LastMessage {
    stopped: Stopped,
    time: Option<Pin<Box<Sleep>>>,
}

impl LastMessage {
    /// A message has come: the next has its own time.
    fn has_come(&mut self) {
        self.time = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CallError> {
        ready!(self.stopped.poll_unpin(cx));
        let time = self
            .time
            .get_or_insert_with(|| Box::pin(sleep(LAST_MESSAGE)));
        ready!(time.as_mut().poll(cx));
        Poll::Ready(CallError::stopping())
    }
}

/// What becomes of a request that has come in.
pub(crate) enum Received {
    /// It has a place.
    Taken(Answering),
    /// It needs none, or there is none.
    Answered(Response<Body>),
}

/// The answer to a request, when it is there.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Counts and measures a request until its whole response has been handed over.
#[derive(Debug)]
struct InProgress {
    _place: OwnedSemaphorePermit,
    _token: TaskTrackerToken,
    meter: RequestMeter,
}

/// What a client speaks, by the content type of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Grpc,
    GrpcWeb,
    Http,
}

impl Speech {
    fn of<B>(request: &Request<B>) -> Self {
        let content_type = request.headers().get(CONTENT_TYPE);
        content_type.map_or(Self::Http, |value| Self::of_content_type(value.as_bytes()))
    }

    /// `application/grpc` or `application/grpc-web`, alone or with a message format or parameters behind it.
    fn of_content_type(content_type: &[u8]) -> Self {
        match content_type.strip_prefix(b"application/grpc") {
            Some(rest) if rest.starts_with(b"-web") => Self::GrpcWeb,
            Some(rest) if matches!(rest.first(), None | Some(b'+' | b';')) => Self::Grpc,
            Some(_) | None => Self::Http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Speech;

    #[test]
    fn clients_are_known_by_their_content_type() {
        for (content_type, speech) in [
            ("application/grpc", Speech::Grpc),
            ("application/grpc+proto", Speech::Grpc),
            ("application/grpc;charset=utf-8", Speech::Grpc),
            ("application/grpc-web", Speech::GrpcWeb),
            ("application/grpc-web-text+proto", Speech::GrpcWeb),
            ("application/grpcious", Speech::Http),
            ("application/json", Speech::Http),
            ("", Speech::Http),
        ] {
            assert_eq!(
                Speech::of_content_type(content_type.as_bytes()),
                speech,
                "{content_type}"
            );
        }
    }
}
