//! HTTP/JSON transcoding, from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/arbitrary.rs"]
mod arbitrary;
#[path = "proto/pool.rs"]
mod pool;

#[path = "transcoding/cart.rs"]
mod cart;
#[path = "transcoding/openapi.rs"]
mod openapi;
#[path = "transcoding/openapi_schemas.rs"]
mod openapi_schemas;
#[path = "transcoding/properties.rs"]
mod properties;
#[path = "transcoding/requests.rs"]
mod requests;
#[path = "transcoding/responses.rs"]
mod responses;
#[path = "transcoding/routes.rs"]
mod routes;
#[path = "transcoding/rules.rs"]
mod rules;

use cloudstate_proxy::transcoding::{Found, Routed, Transcoder};
use http::Method;

/// The transcoder of all services in this `.proto` text.
fn transcoder(text: &str) -> Transcoder {
    let services: Vec<_> = pool::compile(text).services().collect();
    Transcoder::new(&services).unwrap()
}

/// What a transcoder finds where it must find something.
#[track_caller]
fn found<'a>(transcoder: &'a Transcoder, verb: &Method, path: &'a str) -> Found<'a> {
    match transcoder.route(verb, path) {
        Routed::Found(found) => found,
        other => panic!("{verb} {path}: {other:?}"),
    }
}
