//! gRPC for any method of the catalog. Message bytes pass through: they are checked, never decoded.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use futures_util::{future::BoxFuture, stream};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use tonic::{
    Code, Status, Streaming,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, StreamingService},
};

use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, service_fn};

use super::{Frontend, builtin::Builtin, metadata};
use crate::{
    call::{Answer, Call, CallError},
    catalog::Method,
};

/// Answers one gRPC request.
pub(super) async fn answer<B>(frontend: &Arc<Frontend>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    if Builtin::serves(request.uri().path()) {
        return frontend.builtin.answer(request).await;
    }
    let Some(method) = frontend
        .router
        .catalog()
        .method_by_path(request.uri().path())
    else {
        return unknown(frontend, request.uri().path());
    };
    let service = CallService {
        frontend: Arc::clone(frontend),
        method: Arc::clone(method),
    };
    // One shape for every kind of call: the streaming one holds the others.
    Grpc::new(BytesCodec)
        .apply_max_message_size_config(Some(frontend.max_message_size), None)
        .streaming(service, request)
        .await
}

/// Answers one gRPC-Web request, by answering the gRPC request that it stands for.
pub(super) async fn answer_web(
    frontend: &Arc<Frontend>,
    request: Request<Incoming>,
) -> Response<Body> {
    let frontend = Arc::clone(frontend);
    let inner = service_fn(move |request: Request<Body>| {
        let frontend = Arc::clone(&frontend);
        async move { Ok::<_, Infallible>(answer(&frontend, request).await) }
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
    frontend: Arc<Frontend>,
    method: Arc<Method>,
}

type ResponseStream = stream::Iter<std::option::IntoIter<Result<Bytes, Status>>>;

impl StreamingService<Bytes> for CallService {
    type Response = Bytes;
    type ResponseStream = ResponseStream;
    type Future = BoxFuture<'static, Result<tonic::Response<ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        let frontend = Arc::clone(&self.frontend);
        let method = Arc::clone(&self.method);
        Box::pin(async move {
            let (headers, _, mut messages) = request.into_parts();
            let headers = headers.into_headers();
            let deadline = deadline(&headers)?;
            let call = async {
                let payload = only_message(&mut messages, frontend.max_message_size).await?;
                let metadata = frontend
                    .router
                    .wants_metadata()
                    .then(|| metadata::from_headers(&headers));
                unary(&frontend, method, payload, metadata).await
            };
            let answer = match deadline {
                Some(deadline) => tokio::time::timeout(deadline, call).await.map_err(|_| {
                    Status::deadline_exceeded("the call's grpc-timeout has passed")
                })??,
                None => call.await?,
            };
            let mut response = tonic::Response::new(stream::iter(Some(Ok(answer.payload))));
            if let Some(metadata) = answer.metadata {
                metadata::into_headers(metadata, response.metadata_mut().as_mut());
            }
            Ok(response)
        })
    }
}

async fn unary(
    frontend: &Frontend,
    method: Arc<Method>,
    payload: Bytes,
    metadata: Option<cloudstate_protocol::cloudstate::Metadata>,
) -> Result<Answer, Status> {
    method
        .request
        .validate(&payload)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let answer = frontend
        .router
        .call(Call {
            method,
            payload,
            metadata,
        })
        .await?;
    answer.ok_or_else(|| Status::internal("the user function answered with no message"))
}

/// The message of a unary request; more or less than one is the client's mistake.
async fn only_message(messages: &mut Streaming<Bytes>, limit: usize) -> Result<Bytes, Status> {
    let too_large = |status: Status| match status.code() {
        // tonic's code for a message over the limit; gRPC's own libraries say RESOURCE_EXHAUSTED.
        Code::OutOfRange => Status::resource_exhausted(format!(
            "the message is larger than the {limit} bytes that CLOUDSTATE_MAX_MESSAGE_SIZE allows"
        )),
        _ => status,
    };
    let Some(message) = messages.message().await.map_err(too_large)? else {
        return Err(Status::invalid_argument("the request has no message"));
    };
    match messages.message().await.map_err(too_large)? {
        None => Ok(message),
        Some(_) => Err(Status::invalid_argument(
            "the method takes one message, and the request has more",
        )),
    }
}

/// Reads `grpc-timeout`: up to eight digits and a unit.
fn deadline(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let parse = || {
        let text = value.to_str().ok()?;
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u64 = (digits.len() <= 8).then(|| digits.parse().ok()).flatten()?;
        Some(match unit {
            "H" => Duration::from_secs(number * 3600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    };
    match parse() {
        Some(deadline) => Ok(Some(deadline)),
        None => Err(Status::invalid_argument(
            "grpc-timeout must be up to eight digits and one of H M S m u n",
        )),
    }
}

/// Messages as the bytes that they are.
#[derive(Clone, Copy, Debug, Default)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        // An empty message is a message.
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    #[test]
    fn deadlines_are_read_in_every_unit() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(text));
            super::deadline(&headers)
        };
        assert_eq!(read("2H").unwrap(), Some(Duration::from_secs(7200)));
        assert_eq!(read("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(
            read("99999999n").unwrap(),
            Some(Duration::from_nanos(99_999_999))
        );
        for bad in ["", "5", "s", "-1S", "123456789S", "1.5S"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(super::deadline(&HeaderMap::new()).unwrap(), None);
    }
}
