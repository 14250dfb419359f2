//! JSON bodies: what is accepted is a message, and its JSON says the same again.

use std::sync::LazyLock;

use bytes::Bytes;
use cloudstate_proxy::{
    transcoding::{Found, Routed},
    wire::MessageShape,
};
use http::Method;
use prost_reflect::DynamicMessage;

use crate::schema::{TRANSCODER, message};

static SHAPE: LazyLock<MessageShape> =
    LazyLock::new(|| MessageShape::new(&message("test.Everything")));

/// Verbs and paths whose bodies are read, each in another way.
const BODIES: [(&str, &str); 9] = [
    ("POST", "/body"),
    ("PUT", "/body/inners"),
    ("PUT", "/body/int64"),
    ("PUT", "/body/bytes"),
    ("PUT", "/body/counts"),
    ("PUT", "/body/at"),
    ("PUT", "/body/raw"),
    ("PUT", "/body/inner/a/b"),
    ("POST", "/test.Rules/Default"),
];

/// The first byte chooses the path, the rest is the body.
pub(crate) fn target(data: &[u8]) {
    let Some((&path, body)) = data.split_first() else {
        return;
    };
    let (verb, path) = BODIES[usize::from(path) % BODIES.len()];
    let Ok(request) = found(verb, path).request(None, Some("application/json"), body) else {
        return;
    };
    SHAPE.validate(&request).expect("an encoded message");
    let first = decoded(&request);
    // What the request says in JSON is a request too, and says the same.
    let whole = found("POST", "/body");
    let Ok(rendered) = whole.response(&request) else {
        return;
    };
    let again = whole
        .request(None, Some("application/json"), &rendered.body)
        .unwrap_or_else(|error| panic!("{error}: {}", rendered.body.escape_ascii()));
    let rendered_again = whole.response(&again).expect("JSON as before");
    assert_eq!(rendered.body, rendered_again.body);
    let second = decoded(&again);
    let text = rendered.body.escape_ascii().to_string();
    // NaN is not equal to itself.
    if !text.contains("NaN") {
        assert!(first == second, "{text}");
    }
}

fn found(verb: &str, path: &'static str) -> Found<'static> {
    let verb = Method::from_bytes(verb.as_bytes()).unwrap();
    match TRANSCODER.route(&verb, path) {
        Routed::Found(found) => found,
        other => panic!("{verb} {path}: {other:?}"),
    }
}

fn decoded(request: &Bytes) -> DynamicMessage {
    DynamicMessage::decode(message("test.Everything"), request.clone()).expect("a message")
}
