//! The port, and clients that are no library's: what one of them does to its connection.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "faults/eventually.rs"]
mod eventually;
#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/scripted.rs"]
#[allow(dead_code, reason = "not every test program uses all of it")]
mod scripted;

use std::time::Duration;

use clap::Parser;
use cloudstate_protocol::cloudstate::eventsourced::{
    event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
};
use cloudstate_proxy::{Proxy, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use eventually::eventually;
use scripted::{Say, Scripted, message, reply};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types and flags of RFC 9113.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

async fn proxy() -> Proxy {
    proxy_with(&[]).await
}

async fn proxy_with(flags: &[&str]) -> Proxy {
    let arguments = [
        "test",
        "--http-host=127.0.0.1",
        "--http-port=0",
        "--metrics-port=0",
        "--store=memory",
    ];
    let (user_function, _) = Scripted::new(60_000, |message| match message {
        In::Command(command) => Say::Message(Out::Reply(reply(command, "done", &[]))),
        In::Init(_) | In::Event(_) => Say::Nothing,
    });
    let settings = Arguments::parse_from(arguments.iter().chain(flags)).settings;
    Proxy::start(user_function, &settings).await.unwrap()
}

#[tokio::test]
async fn cancelled_calls_leave_the_others_on_their_connection_alone() {
    let proxy = proxy().await;
    let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
    // All in one write, so that the calls are cancelled before the proxy has seen them.
    let mut burst = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &open(1)].concat();
    for call in 1..=900 {
        let stream = 1 + 2 * call;
        burst.extend(open(stream));
        burst.extend(frame(RST_STREAM, 0, stream, &CANCEL));
    }
    let request = [message(1, "id"), message(2, "text")].concat();
    burst.extend(frame(DATA, END_STREAM, 1, &prefixed(&request)));
    connection.write_all(&burst).await.unwrap();

    let expected = prefixed(&message(1, "done"));
    loop {
        let (kind, stream, payload) = read(&mut connection).await;
        assert_ne!(kind, GOAWAY, "{}", payload.escape_ascii());
        if (kind, stream) == (DATA, 1) {
            assert_eq!(payload, expected);
            break;
        }
    }
    drop(connection);
    proxy.stop().await.unwrap();
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_hold_up_the_end() {
    let proxy = proxy_with(&["--drain-timeout=1h"]).await;
    let silent = TcpStream::connect(proxy.address()).await.unwrap();
    let mut deaf = TcpStream::connect(proxy.address()).await.unwrap();
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    deaf.write_all(&hello).await.unwrap();
    // It is a connection of HTTP/2 from here on, and answers nothing that it is asked.
    assert_eq!(read(&mut deaf).await.0, SETTINGS);
    tokio::time::timeout(Duration::from_secs(60), proxy.stop())
        .await
        .expect("an hour is for requests in progress")
        .unwrap();
    drop((silent, deaf));
}

#[tokio::test]
async fn who_answers_pings_and_asks_for_nothing_is_asked_to_go_away() {
    let proxy = proxy_with(&["--idle-timeout=200ms"]).await;
    let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
    let begun = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &open(1)].concat();
    connection.write_all(&begun).await.unwrap();
    loop {
        let (kind, _, payload) = read(&mut connection).await;
        match kind {
            PING => {
                let pong = frame(PING, ACK, 0, &payload);
                connection.write_all(&pong).await.unwrap();
            }
            GOAWAY => {
                // Asked, not thrown out: no error.
                assert_eq!(payload[4..8], [0; 4]);
                break;
            }
            _ => {}
        }
    }
    // What is in progress is finished first.
    let request = [message(1, "id"), message(2, "text")].concat();
    let request = frame(DATA, END_STREAM, 1, &prefixed(&request));
    connection.write_all(&request).await.unwrap();
    let expected = prefixed(&message(1, "done"));
    loop {
        let (kind, stream, payload) = read(&mut connection).await;
        if kind == PING && payload.len() == 8 {
            let pong = frame(PING, ACK, 0, &payload);
            connection.write_all(&pong).await.unwrap();
        }
        if (kind, stream) == (DATA, 1) {
            assert_eq!(payload, expected);
            break;
        }
    }
    let mut rest = Vec::new();
    let ended = connection.read_to_end(&mut rest);
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .expect("the proxy ends it")
        .unwrap();
    proxy.stop().await.unwrap();
}

/// How many calls or connections a limit has turned away.
async fn rejected(proxy: &Proxy, limit: &str) -> String {
    let operators = proxy.metrics_address().unwrap();
    let mut connection = TcpStream::connect(operators).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut metrics = String::new();
    connection.read_to_string(&mut metrics).await.unwrap();
    let name = format!("cloudstate_rejected_calls_total{{limit=\"{limit}\"}} ");
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix(&name));
    values.next().expect(limit).to_owned()
}

#[tokio::test]
async fn what_limits_turn_away_is_counted() {
    let limits = [
        "--max-message-size=100",
        "--request-timeout=200ms",
        "--head-timeout=200ms",
    ];
    let proxy = proxy_with(&limits).await;
    let begun = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &open(1)].concat();
    let large = prefixed(&message(2, &"x".repeat(101)));
    let json = "POST /test.counter.Counter/Add HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 200\r\n\r\n";
    let (size, time) = ("CLOUDSTATE_MAX_MESSAGE_SIZE", "CLOUDSTATE_REQUEST_TIMEOUT");
    let head = "CLOUDSTATE_HEAD_TIMEOUT";
    let large_json = [json, &" ".repeat(200)].concat();
    let large_grpc = [&begun[..], &frame(DATA, END_STREAM, 1, &large)].concat();
    for (request, limit, expected) in [
        (&large_grpc[..], size, "1"),
        (large_json.as_bytes(), size, "2"),
        (&begun, time, "1"),
        (json.as_bytes(), time, "2"),
        (b"P", head, "1"),
    ] {
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        connection.write_all(request).await.unwrap();
        let counted = eventually("it is counted", async || {
            let rejected = rejected(&proxy, limit).await;
            (rejected != (expected.parse::<u32>().unwrap() - 1).to_string()).then_some(rejected)
        });
        assert_eq!(counted.await, expected, "{limit}");
    }
    proxy.stop().await.unwrap();
}

/// The head of a gRPC call of `Counter/Add`.
fn open(stream: u32) -> Vec<u8> {
    // RFC 7541: `:method: POST` and `:scheme: http` are in the static table, and so are the other names.
    let mut head = vec![0x83, 0x86];
    for (name, value) in [
        (&[0x04][..], "/test.counter.Counter/Add"),
        (&[0x01], "localhost"),
        (&[0x0f, 0x10], "application/grpc"),
    ] {
        head.extend(name);
        head.push(u8::try_from(value.len()).unwrap());
        head.extend(value.as_bytes());
    }
    frame(HEADERS, END_HEADERS, stream, &head)
}

/// A gRPC message: not compressed, with its length in front.
fn prefixed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[1..], &[kind, flags], &stream[..], payload].concat()
}

/// Type, stream and payload of the next frame.
async fn read(connection: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    connection.read_exact(&mut head).await.unwrap();
    let [a, b, c, kind, _flags, stream @ ..] = head;
    let length = u32::from_be_bytes([0, a, b, c]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    connection.read_exact(&mut payload).await.unwrap();
    (kind, u32::from_be_bytes(stream), payload)
}

#[tokio::test]
async fn health_is_reported_service_by_service() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let proxy = proxy().await;
    let mut client = HealthClient::new(channel(&proxy).await);
    let mut check = async |service: &str| {
        let service = service.to_owned();
        client.check(HealthCheckRequest { service }).await
    };
    for service in ["", "test.counter.Counter"] {
        let status = check(service).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let unknown = check("test.counter.Nobody").await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    proxy.stop().await.unwrap();
}

#[tokio::test]
async fn reflection_shows_the_services_with_their_options() {
    use tonic_reflection::pb::v1::{
        ExtensionRequest, ServerReflectionRequest,
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let proxy = proxy().await;
    let mut client = ServerReflectionClient::new(channel(&proxy).await);
    let mut ask = async |request: MessageRequest| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        };
        let answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap();
        answers
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap()
            .message_response
            .unwrap()
    };

    let services = ask(MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(services) = services else {
        panic!("{services:?}")
    };
    let names: Vec<&str> = services
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert!(
        names.contains(&"test.counter.Counter") && names.contains(&"test.counter.Other"),
        "{names:?}"
    );

    let files = ask(MessageRequest::FileContainingSymbol(
        "test.counter.Request".into(),
    ))
    .await;
    let MessageResponse::FileDescriptorResponse(files) = files else {
        panic!("{files:?}")
    };
    let key_option = [0xc0, 0x43, 0x01]; // Field 1080, a varint: cloudstate.entity_key = true.
    let file = &files.file_descriptor_proto[0];
    assert!(file.windows(3).any(|bytes| bytes == key_option));
    for symbol in ["test.counter.Counter.Add", "test.counter.Request.text"] {
        let found = ask(MessageRequest::FileContainingSymbol(symbol.into())).await;
        let MessageResponse::FileDescriptorResponse(found) = found else {
            panic!("{symbol}: {found:?}")
        };
        assert_eq!(
            found.file_descriptor_proto,
            std::slice::from_ref(file),
            "{symbol}"
        );
    }

    let extension = ExtensionRequest {
        containing_type: "google.protobuf.FieldOptions".into(),
        extension_number: 1080,
    };
    let file = ask(MessageRequest::FileContainingExtension(extension)).await;
    assert!(
        matches!(&file, MessageResponse::FileDescriptorResponse(files) if files.file_descriptor_proto.len() == 1),
        "{file:?}"
    );
    let unknown = ask(MessageRequest::FileByFilename("nowhere.proto".into())).await;
    let MessageResponse::ErrorResponse(error) = unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(error.error_code, tonic::Code::NotFound as i32);
    proxy.stop().await.unwrap();
}

/// As the TCK has it: one stream for all questions, the order of the services, and no error for what is not known.
#[tokio::test]
async fn reflection_in_its_earlier_version_answers_as_the_reference_proxy_does() {
    use tonic_reflection::pb::v1alpha::{
        FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
        ServerReflectionResponse, ServiceResponse,
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let proxy = proxy().await;
    let mut client = ServerReflectionClient::new(channel(&proxy).await);
    let (sender, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut answers = client
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();
    let names = [
        "grpc.reflection.v1alpha.ServerReflection",
        "test.counter.Counter",
        "test.counter.Other",
    ];
    let services = MessageResponse::ListServicesResponse(ListServiceResponse {
        service: names
            .map(|name| ServiceResponse { name: name.into() })
            .into(),
    });
    let nothing = MessageResponse::FileDescriptorResponse(FileDescriptorResponse::default());
    for (question, answer) in [
        (MessageRequest::ListServices(String::new()), &services),
        (
            MessageRequest::ListServices("nonsense.blabla.".into()),
            &services,
        ),
        (
            MessageRequest::FileContainingSymbol("nonsense.blabla.Void".into()),
            &nothing,
        ),
        (MessageRequest::ListServices(String::new()), &services),
    ] {
        let request = ServerReflectionRequest {
            host: "the.host".into(),
            message_request: Some(question),
        };
        sender.send(request.clone()).await.unwrap();
        let expected = ServerReflectionResponse {
            valid_host: "the.host".into(),
            original_request: Some(request),
            message_response: Some(answer.clone()),
        };
        assert_eq!(answers.message().await.unwrap(), Some(expected));
    }
    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
    proxy.stop().await.unwrap();
}

#[tokio::test]
async fn grpc_web_is_served_over_http_1() {
    let proxy = proxy().await;
    let body = prefixed(&[message(1, "id"), message(2, "text")].concat());
    let head = format!(
        "POST /test.counter.Counter/Add HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
    connection
        .write_all(&[head.into_bytes(), body].concat())
        .await
        .unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let text = answer.escape_ascii().to_string();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        text.contains("content-type: application/grpc-web"),
        "{text}"
    );
    // The message, and the trailers as a frame of their own.
    let contains = |part: &[u8]| answer.windows(part.len()).any(|bytes| bytes == part);
    assert!(contains(&prefixed(&message(1, "done"))), "{text}");
    assert!(contains(b"grpc-status:0"), "{text}");
    proxy.stop().await.unwrap();
}

async fn channel(proxy: &Proxy) -> tonic::transport::Channel {
    let address = format!("http://{}", proxy.address());
    tonic::transport::Endpoint::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap()
}
