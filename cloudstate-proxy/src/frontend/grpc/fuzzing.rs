//! gRPC's framing and headers, for fuzzing.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Streaming;

use super::{codec::BytesCodec, request};

/// The messages of a request whose body arrives in these pieces, up to the first mistake, and whether there was none.
pub async fn grpc_messages(pieces: Vec<Bytes>, limit: usize) -> (Vec<Bytes>, bool) {
    let frames = pieces.into_iter().map(Frame::data);
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    let mut request = Streaming::new_request(BytesCodec, body, None, Some(limit));
    let mut messages = Vec::new();
    loop {
        match request.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, true),
            Err(_) => return (messages, false),
        }
    }
}

/// What a `grpc-timeout` of this value says, if it can stand in a header and says anything.
pub fn grpc_timeout(value: &[u8]) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-timeout", HeaderValue::from_bytes(value).ok()?);
    request::timeout(&headers).ok().flatten()
}
