//! When the head of a streamed response leaves, and what it says.

use std::net::SocketAddr;

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream, client};
use http::{HeaderMap, Request, Response};
use prost::Message;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::client::{Bench, SOON, Text};

#[tokio::test]
async fn a_client_may_wait_for_headers_before_it_says_anything() {
    let bench = Bench::new().await;
    let (response, mut requests) = call(bench.proxy.address(), "Both").await;
    let mut answers = head(response).await.into_body();
    requests.send_data(framed("a"), false).unwrap();
    assert_eq!(message(&mut answers).await, "a");
    requests.send_data(framed("metadata 42"), true).unwrap();
    assert_eq!(message(&mut answers).await, "metadata 42");
    let trailers = trailers(&mut answers).await;
    assert_eq!(trailers["grpc-status"], "0");
    // It came too late for the headers.
    assert_eq!(trailers["x-said"], "42");
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_say_has_headers() {
    let bench = Bench::new().await;
    let (response, mut request) = call(bench.proxy.address(), "Out").await;
    request.send_data(framed("wait"), true).unwrap();
    let response = head(response).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
}

#[tokio::test]
async fn the_first_message_in_time_has_its_metadata_among_the_headers() {
    let bench = Bench::with_flags(&["--stream-head-wait=1h"]).await;
    let (response, mut requests) = call(bench.proxy.address(), "Both").await;
    requests.send_data(framed("metadata 42"), true).unwrap();
    let response = head(response).await;
    assert_eq!(response.headers()["x-said"], "42");
    let mut answers = response.into_body();
    assert_eq!(message(&mut answers).await, "metadata 42");
    let trailers = trailers(&mut answers).await;
    assert_eq!(trailers["grpc-status"], "0");
    assert!(!trailers.contains_key("x-said"), "{trailers:?}");
}

#[tokio::test]
async fn a_failure_behind_the_headers_is_in_the_trailers() {
    let bench = Bench::new().await;
    let (response, mut requests) = call(bench.proxy.address(), "Both").await;
    let mut answers = head(response).await.into_body();
    requests.send_data(framed("fail boom"), false).unwrap();
    let trailers = trailers(&mut answers).await;
    assert_eq!(trailers["grpc-status"], "2");
    assert_eq!(trailers["grpc-message"], "boom");
}

#[tokio::test]
async fn server_sent_events_have_a_head_and_signs_of_life_before_the_first() {
    let bench = Bench::with_flags(&["--sse-keep-alive=10ms"]).await;
    let head = "GET /out/wait HTTP/1.1\r\naccept: text/event-stream";
    let mut answer = BufReader::new(bench.open(head).await);
    let mut line = String::new();
    answer.read_line(&mut line).await.unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    let mut text = Vec::new();
    let comments = |text: &[u8]| text.windows(3).filter(|bytes| *bytes == b":\n\n").count();
    while comments(&text) < 3 {
        text.push(timeout(SOON, answer.read_u8()).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn lines_of_json_and_raw_bodies_have_no_signs_of_life() {
    let bench = Bench::with_flags(&["--sse-keep-alive=1ms", "--stream-head-wait=1ms"]).await;
    for path in ["/out/a,wait", "/raw/a,wait"] {
        let mut answer = bench.open(&format!("GET {path} HTTP/1.1")).await;
        let mut text = Vec::new();
        let expected = if path.starts_with("/out") {
            "{\"text\":\"a\"}\n\r\n"
        } else {
            "1\r\na\r\n"
        };
        while !text.ends_with(expected.as_bytes()) {
            text.push(timeout(SOON, answer.read_u8()).await.unwrap().unwrap());
        }
        // Whatever comes within a time in which many comments would have come.
        let more = timeout(std::time::Duration::from_millis(100), answer.read_u8()).await;
        assert!(more.is_err(), "{path}: {more:?}");
    }
}

/// Opens a call, of which nothing but the headers has been sent.
pub(crate) async fn call(
    proxy: SocketAddr,
    method: &str,
) -> (client::ResponseFuture, SendStream<Bytes>) {
    let connection = TcpStream::connect(proxy).await.unwrap();
    let (mut client, connection) = client::handshake(connection).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{proxy}/test.shapes.Shapes/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    client.send_request(request, false).unwrap()
}

pub(crate) async fn head(response: client::ResponseFuture) -> Response<RecvStream> {
    timeout(SOON, response)
        .await
        .expect("headers, soon")
        .unwrap()
}

pub(crate) async fn message(answers: &mut RecvStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let data = timeout(SOON, answers.data())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        answers.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend(data);
        if let Some((mut head, message)) = bytes.split_at_checked(5) {
            assert_eq!(head.get_u8(), 0, "not compressed");
            if message.len() == usize::try_from(head.get_u32()).unwrap() {
                return Text::decode(message).unwrap().text;
            }
        }
    }
}

pub(crate) async fn trailers(answers: &mut RecvStream) -> HeaderMap {
    assert!(timeout(SOON, answers.data()).await.unwrap().is_none());
    timeout(SOON, answers.trailers())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

pub(crate) fn framed(text: &str) -> Bytes {
    let message = Text { text: text.into() }.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat().into()
}
