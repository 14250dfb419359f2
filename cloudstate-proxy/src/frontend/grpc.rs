//! gRPC for any method of the catalog. Message bytes pass through: they are checked, never decoded.

mod codec;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod request;
mod response;
mod unary;

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tonic::{
    Code, Status, Streaming,
    body::Body,
    codec::CompressionEncoding,
    server::{Grpc, StreamingService},
};
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, service_fn};

use super::{Frontend, InProgress, builtin::Builtin, metadata};
use crate::{
    call::{Answer, Call, CallError, StreamedCall},
    catalog::{Method, Shape},
    settings::Compression,
    trace::Trace,
};
use codec::BytesCodec;
use response::{LateMetadata, Responding, Responses};
use unary::{Arrived, Unread};

/// Answers one gRPC request.
pub(super) async fn answer<B>(
    frontend: &Arc<Frontend>,
    request: Request<B>,
    mut in_progress: InProgress,
) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    if Builtin::serves(request.uri().path()) {
        in_progress.meter.answered(Code::Ok);
        return frontend.builtin.answer(request).await;
    }
    let Some(method) = frontend
        .router
        .catalog()
        .method_by_path(request.uri().path())
    else {
        in_progress.meter.answered(Code::Unimplemented);
        return unknown(frontend, request.uri().path());
    };
    in_progress.meter.is_for(method);
    let span = frontend.tracer.request(request.headers(), method);
    in_progress.meter.record(span);
    let call = GrpcCall {
        frontend: Arc::clone(frontend),
        method: Arc::clone(method),
        deadline: None,
        in_progress: Some(in_progress),
    };
    let compresses = frontend.web.compression == Compression::Gzip;
    if method.shape == Shape::Unary && unary::is_plain(request.headers(), compresses) {
        call.answer_plainly(request).await
    } else {
        // In a box of its own, because most calls have no use for it.
        Box::pin(answer_by_tonic(call, request.map(Unread::whole))).await
    }
}

/// Answers a call of any shape, with messages in any number of pieces, compressed or not.
async fn answer_by_tonic<B>(call: GrpcCall, request: Request<Unread<B>>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let frontend = Arc::clone(&call.frontend);
    // One shape for every kind of call: the streaming one holds the others.
    let mut grpc = Grpc::new(BytesCodec)
        .apply_max_message_size_config(Some(frontend.max_message_size), None)
        .accept_compressed(CompressionEncoding::Gzip);
    if frontend.web.compression == Compression::Gzip {
        grpc = grpc.send_compressed(CompressionEncoding::Gzip);
    }
    let service = CallService { call: Some(call) };
    let response = grpc.streaming(service, request).await;
    LateMetadata::follow(response)
}

/// Answers one gRPC-Web request, by answering the gRPC request that it stands for.
pub(super) async fn answer_web(
    frontend: &Arc<Frontend>,
    request: Request<Incoming>,
    in_progress: InProgress,
) -> Response<Body> {
    let frontend = Arc::clone(frontend);
    let mut in_progress = Some(in_progress);
    let inner = service_fn(move |request: Request<Body>| {
        let frontend = Arc::clone(&frontend);
        let in_progress = in_progress.take();
        async move {
            Ok::<_, Infallible>(match in_progress {
                Some(in_progress) => answer(&frontend, request, in_progress).await,
                None => refuse(CallError::new(Code::Internal, "a request is answered once")),
            })
        }
    });
    match GrpcWebLayer::new().layer(inner).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A response that carries only a status.
pub(super) fn refuse(error: CallError) -> Response<Body> {
    Status::from(error).into_http()
}

fn unknown(frontend: &Frontend, path: &str) -> Response<Body> {
    let service = path
        .strip_prefix('/')
        .and_then(|path| path.rsplit_once('/'))
        .map_or(path, |(service, _)| service);
    let text = if frontend.router.catalog().has_service(service) {
        format!("service {service} has no method of path {path}")
    } else {
        format!("no service of path {path} is served here")
    };
    refuse(CallError::new(Code::Unimplemented, text))
}

struct CallService {
    /// Taken by the request.
    call: Option<GrpcCall>,
}

impl StreamingService<Bytes> for CallService {
    type Response = Bytes;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<tonic::Response<Responses>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        match self.call.take() {
            Some(call) => Box::pin(call.answer(request)),
            None => Box::pin(ready(Err(Status::internal("a request is answered once")))),
        }
    }
}

/// What becomes of a unary call that looks plain.
enum Plainly<B: http_body::Body> {
    Answered(Answer),
    /// Its message is not in one piece.
    Not(Unread<B>),
}

struct GrpcCall {
    frontend: Arc<Frontend>,
    method: Arc<Method>,
    deadline: Option<Instant>,
    /// Taken by the response.
    in_progress: Option<InProgress>,
}

impl GrpcCall {
    /// Answers a unary call, which is by tonic only if its message is not in one piece.
    async fn answer_plainly<B>(mut self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        let (head, body) = request.into_parts();
        match self.try_plainly(&head.headers, body).await {
            Ok(Plainly::Answered(answer)) => {
                let mut in_progress = self.in_progress.take();
                if let Some(in_progress) = &mut in_progress {
                    in_progress.meter.answered(Code::Ok);
                }
                unary::respond(answer, in_progress)
            }
            Ok(Plainly::Not(body)) => {
                Box::pin(answer_by_tonic(self, Request::from_parts(head, body))).await
            }
            Err(status) => {
                if let Some(in_progress) = &mut self.in_progress {
                    in_progress.meter.answered(status.code());
                }
                status.into_http()
            }
        }
    }

    async fn try_plainly<B>(&mut self, headers: &HeaderMap, body: B) -> Result<Plainly<B>, Status>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let (limit, patience) = (
            self.frontend.max_message_size,
            self.frontend.request_timeout,
        );
        self.set_deadline(headers)?;
        let metrics = self.frontend.router.metrics();
        within(self.deadline, async {
            Ok(match unary::read(body, limit, patience, metrics).await? {
                Arrived::Message(message) => {
                    let payload = request::checked(message, &self.method)?;
                    Plainly::Answered(self.call(headers, payload).await?)
                }
                Arrived::Other(body) => Plainly::Not(body),
            })
        })
        .await?
    }

    async fn answer(
        mut self,
        request: tonic::Request<Streaming<Bytes>>,
    ) -> Result<tonic::Response<Responses>, Status> {
        let response = self.respond(request).await;
        if let (Err(status), Some(in_progress)) = (&response, &mut self.in_progress) {
            in_progress.meter.answered(status.code());
        }
        response
    }

    async fn respond(
        &mut self,
        request: tonic::Request<Streaming<Bytes>>,
    ) -> Result<tonic::Response<Responses>, Status> {
        let (headers, _, messages) = request.into_parts();
        let headers = headers.into_headers();
        self.set_deadline(&headers)?;
        if self.method.shape != Shape::Unary {
            return self.answer_stream(&headers, messages).await;
        }
        within(self.deadline, self.unary(&headers, messages)).await?
    }

    async fn unary(
        &mut self,
        headers: &HeaderMap,
        mut messages: Streaming<Bytes>,
    ) -> Result<tonic::Response<Responses>, Status> {
        let (limit, patience) = (
            self.frontend.max_message_size,
            self.frontend.request_timeout,
        );
        let payload = request::only_message(
            &mut messages,
            &self.method,
            limit,
            patience,
            self.frontend.router.metrics(),
        )
        .await?;
        let answer = self.call(headers, payload).await?;
        Ok(response::one(answer, self.in_progress.take()))
    }

    /// Notes how long the client waits, counted from when this was asked for first.
    fn set_deadline(&mut self, headers: &HeaderMap) -> Result<(), Status> {
        if self.deadline.is_none() {
            let timeout = request::timeout(headers)?;
            self.deadline = timeout.map(|timeout| Instant::now() + timeout);
        }
        Ok(())
    }

    /// Has a unary call handled.
    async fn call(&self, headers: &HeaderMap, payload: Bytes) -> Result<Answer, Status> {
        let metadata = self.metadata(headers);
        let mut call = Call::new(Arc::clone(&self.method), payload, metadata);
        call.trace = self.trace();
        let answer = self.frontend.router.call(call).await?;
        answer.ok_or_else(response::no_message)
    }

    async fn answer_stream(
        &mut self,
        headers: &HeaderMap,
        mut messages: Streaming<Bytes>,
    ) -> Result<tonic::Response<Responses>, Status> {
        let limit = self.frontend.max_message_size;
        let metadata = self.metadata(headers);
        let (router, method) = (&self.frontend.router, Arc::clone(&self.method));
        let (answers, refused) = if method.shape.streams_in() {
            let (messages, refused) = request::all_messages(
                messages,
                Arc::clone(&method),
                limit,
                router.metrics().clone(),
            );
            let answers = router.answers_to_stream(StreamedCall {
                method,
                messages,
                metadata,
                trace: self.trace(),
            });
            (answers, Some(refused))
        } else {
            let patience = self.frontend.request_timeout;
            let message =
                request::only_message(&mut messages, &method, limit, patience, router.metrics());
            let payload = within(self.deadline, message).await??;
            let mut call = Call::new(method, payload, metadata);
            call.trace = self.trace();
            let answers = router.answers(call);
            (answers, None)
        };
        let last_message = self.frontend.last_message();
        let in_progress = self.in_progress.take();
        let responding =
            Responding::new(answers, refused, self.deadline, last_message, in_progress);
        if self.method.shape.streams_out() {
            responding.many(self.frontend.web.stream_head_wait).await
        } else {
            responding.only().await
        }
    }

    fn metadata(&self, headers: &HeaderMap) -> Option<cloudstate_protocol::cloudstate::Metadata> {
        let metadata = self
            .frontend
            .router
            .wants_metadata(&self.method)
            .then(|| metadata::from_headers(headers));
        self.trace().metadata(metadata)
    }

    fn trace(&self) -> Trace {
        let in_progress = self.in_progress.as_ref();
        in_progress.map_or_else(Trace::default, |in_progress| in_progress.meter.trace())
    }
}

async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Result<F::Output, Status> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future)
            .await
            .map_err(|_| response::deadline_exceeded()),
        None => Ok(future.await),
    }
}
