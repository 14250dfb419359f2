//! HTTP/JSON by `google.api.http`, and the answers to health probes.

mod encoding;
mod error;
mod streaming;

use std::sync::Arc;

use bytes::Bytes;
use cloudstate_protocol::cloudstate::Metadata;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;
use tonic::{Code, body::Body};

use super::{Frontend, InProgress, metadata};
use crate::{
    call::{Call, CallError},
    trace::Trace,
    transcoding::{Found, Rendered, Renderer, RequestError, Routed},
};
use error::HttpError;

pub(super) use error::{describe, error_body};

/// The header by which Knative asks whether a process answers.
const KNATIVE_PROBE: &str = "k-network-probe";

/// Answers one HTTP request.
pub(super) async fn answer(
    frontend: &Arc<Frontend>,
    request: Request<Incoming>,
    in_progress: InProgress,
) -> Response<Body> {
    // Over HTTP/1.1 hyper leaves the body out.
    let without_body = request.method() == Method::HEAD && request.version() == Version::HTTP_2;
    let response = answer_whole(frontend, request, in_progress).await;
    if without_body {
        head_of(response)
    } else {
        response
    }
}

async fn answer_whole(
    frontend: &Arc<Frontend>,
    request: Request<Incoming>,
    mut in_progress: InProgress,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // What is no call is a probe, or is said to be something else below.
    in_progress.meter.answered(Code::Ok);
    match frontend
        .router
        .catalog()
        .transcoder
        .route(&parts.method, parts.uri.path())
    {
        Routed::Found(found) => {
            let mut in_progress = Some(in_progress);
            let answer = call(frontend, &parts, body, &found, &mut in_progress).await;
            if let Some(InProgress { meter, .. }) = &mut in_progress {
                meter.answered(answer.as_ref().map_or_else(HttpError::code, |_| Code::Ok));
            }
            answer.unwrap_or_else(|error| {
                if let Some(limit) = error.limit() {
                    frontend.router.metrics().rejected(limit);
                }
                error.into_response(parts.version)
            })
        }
        // A service's own paths come first.
        Routed::WrongVerb { .. } | Routed::NotFound
            if parts.headers.contains_key(KNATIVE_PROBE) =>
        {
            if parts.headers[KNATIVE_PROBE] == "queue" {
                text(StatusCode::OK, "queue")
            } else {
                text(StatusCode::BAD_REQUEST, "unexpected probe")
            }
        }
        Routed::WrongVerb { .. } | Routed::NotFound if parts.uri.path() == "/alive" => {
            probe(frontend.readiness.is_lost())
        }
        Routed::WrongVerb { .. } | Routed::NotFound if parts.uri.path() == "/ready" => {
            probe(frontend.readiness.objection())
        }
        Routed::WrongVerb { .. } | Routed::NotFound
            if frontend.web.openapi.is(parts.uri.path()) && is_read(&parts.method) =>
        {
            let document = frontend.router.catalog().openapi().clone();
            let json = HeaderValue::from_static("application/json");
            let mut response = respond(StatusCode::OK, json, Bytes::new());
            let compression = frontend.web.compression;
            encoding::encode(&parts.headers, compression, &mut response, document).await;
            response
        }
        Routed::WrongVerb { mut allowed } => {
            allowed.push(Method::OPTIONS);
            let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
            let names = names.join(", ");
            let mut response = if parts.method == Method::OPTIONS {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            } else {
                in_progress.meter.answered(Code::Unimplemented);
                let message = format!(
                    "{} does not accept {}; it accepts {names}",
                    parts.uri.path(),
                    parts.method
                );
                let status = StatusCode::METHOD_NOT_ALLOWED;
                error_body(status, Code::Unimplemented, &message)
            };
            if let Ok(value) = HeaderValue::try_from(names) {
                response.headers_mut().insert(ALLOW, value);
            }
            response
        }
        Routed::NotFound => {
            in_progress.meter.answered(Code::NotFound);
            let message = format!("nothing is served at {}", parts.uri.path());
            error_body(StatusCode::NOT_FOUND, Code::NotFound, &message)
        }
    }
}

async fn call(
    frontend: &Arc<Frontend>,
    parts: &Parts,
    body: Incoming,
    found: &Found<'_>,
    in_progress: &mut Option<InProgress>,
) -> Result<Response<Body>, HttpError> {
    let router = &frontend.router;
    let method = Arc::clone(&router.catalog().methods()[found.index()]);
    let mut trace = Trace::default();
    if let Some(InProgress { meter, .. }) = in_progress {
        meter.is_for(&method);
        meter.answered(Code::Cancelled);
        meter.record(frontend.tracer.request(&parts.headers, &method));
        trace = meter.trace();
    }
    if method.shape.streams_in() {
        let text = format!(
            "{}/{} takes a stream of messages, which HTTP/JSON cannot carry; call it over gRPC",
            method.service_name, method.name
        );
        return Err(CallError::new(Code::Unimplemented, text).into());
    }
    let within = frontend.request_timeout;
    let body = timeout(within, read(body, frontend.max_message_size));
    let body = body.await.map_err(|_| HttpError::TooSlow(within))??;
    let body = encoding::decode(&parts.headers, body, frontend.max_message_size).await?;
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
    let metadata = router
        .wants_metadata(&method)
        .then(|| metadata::from_headers(&parts.headers));
    let mut call = Call::new(method, payload, trace.metadata(metadata));
    call.trace = trace.clone();
    if call.method.shape.streams_out() {
        return streaming::answer(
            frontend,
            &parts.headers,
            found.renderer(),
            call,
            in_progress,
        )
        .await;
    }
    let answer = router.call(call).await?.ok_or_else(|| {
        CallError::new(Code::Internal, "the user function answered with no message")
    })?;
    let rendered = render(&found.renderer(), &answer.payload, &trace)?;
    let mut response = Response::new(Body::empty());
    set_headers(&mut response, rendered.content_type, answer.metadata);
    encoding::encode(
        &parts.headers,
        frontend.web.compression,
        &mut response,
        rendered.body,
    )
    .await;
    Ok(response)
}

fn render(renderer: &Renderer, message: &Bytes, trace: &Trace) -> Result<Rendered, CallError> {
    renderer.response(message).map_err(|error| {
        let _logged = trace.entered();
        tracing::error!(method = renderer.method().full_name(), %error, "a reply cannot be shown as JSON");
        CallError::new(
            Code::Internal,
            format!("the reply cannot be shown as JSON: {error}"),
        )
    })
}

fn set_headers(
    response: &mut Response<Body>,
    content_type: HeaderValue,
    metadata: Option<Metadata>,
) {
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if let Some(metadata) = metadata {
        metadata::into_headers(metadata, response.headers_mut());
    }
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

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The same without its body, of which its head says the length as far as that is known.
fn head_of(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact()
        && parts.status != StatusCode::NO_CONTENT
    {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::empty())
}

fn probe(objection: Option<String>) -> Response<Body> {
    match objection {
        None => text(StatusCode::OK, "OK"),
        Some(objection) => text(StatusCode::SERVICE_UNAVAILABLE, objection),
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    respond(
        status,
        HeaderValue::from_static("text/plain; charset=utf-8"),
        text.into(),
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
