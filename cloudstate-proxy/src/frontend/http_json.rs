//! HTTP/JSON by `google.api.http`, and the answers to health probes.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tonic::{Code, body::Body};

use super::{Frontend, metadata};
use crate::{
    call::{Call, CallError},
    transcoding::{Found, RequestError, Routed},
};

/// Answers one HTTP request.
pub(super) async fn answer(frontend: &Arc<Frontend>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match frontend
        .router
        .catalog()
        .transcoder
        .route(&parts.method, parts.uri.path())
    {
        Routed::Found(found) => call(frontend, &parts, body, &found)
            .await
            .unwrap_or_else(|error| error.into_response(parts.version)),
        // A service's own paths come first.
        Routed::WrongVerb { .. } | Routed::NotFound if is_probe(parts.uri.path()) => {
            text(StatusCode::OK, "OK")
        }
        Routed::WrongVerb { allowed } => {
            let names: Vec<&str> = allowed.iter().map(http::Method::as_str).collect();
            let names = names.join(", ");
            let message = format!(
                "{} does not accept {}; it accepts {names}",
                parts.uri.path(),
                parts.method
            );
            let mut response = error_body(
                StatusCode::METHOD_NOT_ALLOWED,
                Code::Unimplemented,
                &message,
            );
            if let Ok(value) = HeaderValue::try_from(names) {
                response.headers_mut().insert(ALLOW, value);
            }
            response
        }
        Routed::NotFound => {
            let message = format!("nothing is served at {}", parts.uri.path());
            error_body(StatusCode::NOT_FOUND, Code::NotFound, &message)
        }
    }
}

/// A response for a call that was not begun.
pub(super) fn refuse(error: &CallError) -> Response<Body> {
    error_body(status_of(error.code()), error.code(), error.message())
}

async fn call(
    frontend: &Frontend,
    parts: &Parts,
    body: Incoming,
    found: &Found<'_>,
) -> Result<Response<Body>, HttpError> {
    let body = read(body, frontend.max_message_size).await?;
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("unreadable"));
    let payload = found
        .request(parts.uri.query(), content_type, &body)
        .map_err(|error| match error {
            RequestError::ContentType { .. } => HttpError::UnsupportedType(error.to_string()),
            _ => HttpError::Call(CallError::invalid(error.to_string())),
        })?;
    let router = &frontend.router;
    let metadata = router
        .wants_metadata()
        .then(|| metadata::from_headers(&parts.headers));
    let method = Arc::clone(&router.catalog().methods()[found.index()]);
    let answer = router
        .call(Call {
            method,
            payload,
            metadata,
        })
        .await?
        .ok_or_else(|| {
            CallError::new(Code::Internal, "the user function answered with no message")
        })?;
    let rendered = found.response(&answer.payload).map_err(|error| {
        tracing::error!(path = %parts.uri.path(), %error, "a reply cannot be shown as JSON");
        CallError::new(
            Code::Internal,
            format!("the reply cannot be shown as JSON: {error}"),
        )
    })?;
    let mut response = Response::new(full(rendered.body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, rendered.content_type);
    if let Some(metadata) = answer.metadata {
        metadata::into_headers(metadata, response.headers_mut());
    }
    Ok(response)
}

async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, HttpError> {
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let all_read = discard(&mut body, limit).await;
            Err(HttpError::TooLarge { limit, all_read })
        }
        Err(error) => Err(HttpError::Call(CallError::invalid(format!(
            "the body could not be read: {error}"
        )))),
    }
}

/// Reads on for a while: many clients look for an answer only when they have sent everything, and a connection that is
/// closed before that is reset under them. Says whether that was all.
async fn discard(body: &mut Incoming, at_most: usize) -> bool {
    let mut discarded = 0;
    while discarded <= at_most {
        match body.frame().await {
            Some(Ok(frame)) => discarded += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return false,
            None => return true,
        }
    }
    false
}

enum HttpError {
    Call(CallError),
    UnsupportedType(String),
    TooLarge { limit: usize, all_read: bool },
}

impl From<CallError> for HttpError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl HttpError {
    fn into_response(self, version: Version) -> Response<Body> {
        match self {
            // As the TCK has it: the user function's own text and nothing else.
            Self::Call(error) if error.is_refusal() => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                error.message().to_owned(),
            ),
            Self::Call(error) => refuse(&error),
            Self::UnsupportedType(message) => error_body(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::InvalidArgument,
                &message,
            ),
            Self::TooLarge { limit, all_read } => {
                let mut response = error_body(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    Code::ResourceExhausted,
                    &format!(
                        "the body is larger than the {limit} bytes that CLOUDSTATE_MAX_MESSAGE_SIZE allows"
                    ),
                );
                // With the rest of a body on its way, an HTTP/1 connection serves no other request.
                if !all_read && version < Version::HTTP_2 {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                response
            }
        }
    }
}

fn is_probe(path: &str) -> bool {
    matches!(path, "/ready" | "/alive")
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    respond(
        status,
        HeaderValue::from_static("text/plain; charset=utf-8"),
        text.into(),
    )
}

fn error_body(status: StatusCode, code: Code, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "code": name_of(code), "message": message });
    respond(
        status,
        HeaderValue::from_static("application/json"),
        body.to_string().into(),
    )
}

fn respond(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn full(body: Bytes) -> Body {
    Body::new(Full::new(body))
}

/// The HTTP status of a gRPC code, as `google.rpc.Code` documents the mapping.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code's name in `google.rpc.Code`.
fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
