//! What a request is answered that comes when as many are in progress as may be.
//!
//! It is the cheapest answer that there is: it is made once, and nothing of the request is looked at but its content type.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderValue, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::timeout;
use tonic::{Code, body::Body};

use super::{Speech, http_json};

/// Frames of a refused request that are taken, and for how long they are waited for.
const FRAMES: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

/// The answers, by what the client speaks.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    message: HeaderValue,
    code: HeaderValue,
    json: Bytes,
}

impl Refusal {
    pub(super) fn new(max_requests: usize) -> Self {
        let message = format!(
            "{max_requests} requests are in progress, the most that CLOUDSTATE_MAX_REQUESTS allows; try again later"
        );
        Self {
            json: http_json::describe(Code::ResourceExhausted, &message)
                .to_string()
                .into(),
            // Nothing in it has to be percent-encoded, or cannot stand in a header.
            message: HeaderValue::try_from(message)
                .unwrap_or_else(|_| HeaderValue::from_static("too many requests")),
            code: HeaderValue::from(Code::ResourceExhausted as i32),
        }
    }

    pub(super) fn answer(&self, speech: Speech) -> Response<Body> {
        if speech == Speech::Http {
            let mut response = Response::new(Body::new(Full::new(self.json.clone())));
            *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            // Places are free again within moments; whole seconds are what it can say.
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        }
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", self.code.clone());
        headers.insert("grpc-message", self.message.clone());
        response
    }
}

/// Takes what is still to come of an HTTP/2 request that has been refused.
///
/// Dropping it would reset its stream, and what is on its way would then be an error, each time: HTTP/2's library ends a
/// connection after a thousand of them, for all who share it.
pub(super) fn hear_out(mut body: Incoming) {
    for _ in 0..FRAMES {
        match body.frame().now_or_never() {
            Some(Some(Ok(_))) => {}
            Some(Some(Err(_)) | None) => return,
            None => break,
        }
    }
    tokio::spawn(timeout(PATIENCE, async move {
        for _ in 0..FRAMES {
            let Some(Ok(_)) = body.frame().await else {
                return;
            };
        }
    }));
}
