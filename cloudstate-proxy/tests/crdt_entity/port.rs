//! Streamed commands through the port, over gRPC and HTTP.

use std::time::Duration;

use cloudstate_proxy::Proxy;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tonic::{
    Code, Status, Streaming,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    bench::settings,
    deltas::vote,
    user_side::{Played, SOON, UserSide, change, message, streamed, update},
};

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(string, tag = "1")]
    text: String,
}

struct Port {
    proxy: Proxy,
    opened: mpsc::UnboundedReceiver<UserSide>,
}

impl Port {
    async fn open() -> Self {
        let (user_function, opened, _) = Played::new(60_000);
        let settings = settings(&[
            "--http-host=127.0.0.1",
            "--http-port=0",
            "--metrics-port=off",
            "--store=memory",
        ]);
        let proxy = Proxy::start(user_function, &settings).await.unwrap();
        Self { proxy, opened }
    }

    async fn started(&mut self) -> UserSide {
        let opened = timeout(SOON, self.opened.recv()).await;
        let mut user = opened.expect("a stream is opened soon").unwrap();
        user.init().await;
        user
    }

    fn client(&self) -> Channel {
        let address = format!("http://{}", self.proxy.address());
        Endpoint::from_shared(address).unwrap().connect_lazy()
    }
}

/// Calls `Room/Watch` of entity `a` in a task of its own, because the response begins with the reply.
fn watch(client: &Channel) -> tokio::task::JoinHandle<Result<Streaming<Response>, Status>> {
    let mut grpc = Grpc::new(client.clone());
    tokio::spawn(async move {
        grpc.ready().await.unwrap();
        let request = tonic::Request::new(Request { id: "a".into() });
        let path = "/test.room.Room/Watch".parse().unwrap();
        let response = grpc
            .server_streaming(request, path, ProstCodec::default())
            .await?;
        Ok(response.into_inner())
    })
}

async fn next(stream: &mut Streaming<Response>) -> Result<String, Status> {
    let next = timeout(SOON, stream.next())
        .await
        .expect("a message comes soon");
    next.expect("the stream goes on")
        .map(|response| response.text)
}

#[tokio::test]
async fn clients_come_and_go() {
    let mut port = Port::open().await;
    let client = port.client();
    let first = watch(&client);
    let mut user = port.started().await;
    assert!(user.command().await.streamed);
    user.reply(streamed(1, "nobody"));
    let mut first = first.await.unwrap().unwrap();
    assert_eq!(next(&mut first).await.unwrap(), "nobody");

    let second = watch(&client);
    user.command().await;
    // It has nothing to say to the one who joins, and something to the other.
    let mut joined = change(2, "", vote(true));
    joined.client_action = None;
    joined.streamed = true;
    user.reply(joined);
    user.message(message(1, "one"));
    assert_eq!(next(&mut first).await.unwrap(), "one");
    // Whether it has its headers yet or not, it goes away.
    second.abort();
    drop(second.await);
    assert_eq!(user.cancelled().await, 2);
    user.cancel_answer(2, Some(update(vote(false))));
    user.message(message(1, "nobody again"));
    assert_eq!(next(&mut first).await.unwrap(), "nobody again");
    drop(first);
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, None);
}

#[tokio::test]
async fn a_connection_that_takes_nothing_is_cut_off() {
    let mut port = Port::open().await;
    let client = port.client();
    let stream = watch(&client);
    let mut user = port.started().await;
    user.command().await;
    user.reply(streamed(1, "start"));
    let mut stream = stream.await.unwrap().unwrap();
    let text = "x".repeat(100);
    // More than the buffers on the way hold, which are many.
    for _ in 0..20_000 {
        user.message(message(1, &text));
    }
    assert_eq!(user.cancelled().await, 1);
    let error = loop {
        if let Err(error) = next(&mut stream).await {
            break error;
        }
    };
    assert_eq!(error.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_browser_listens_to_events() {
    let mut port = Port::open().await;
    let mut connection = TcpStream::connect(port.proxy.address()).await.unwrap();
    let body = r#"{"id":"a"}"#;
    let request = format!(
        "POST /test.room.Room/Watch HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut user = port.started().await;
    user.command().await;
    user.reply(streamed(1, "first"));
    user.message(message(1, "second"));
    let mut heard = String::new();
    while !heard.contains("second") {
        let mut buffer = [0; 1024];
        let read = timeout(SOON, connection.read(&mut buffer)).await.unwrap();
        heard.push_str(std::str::from_utf8(&buffer[..read.unwrap()]).unwrap());
    }
    assert!(heard.contains("text/event-stream"), "{heard}");
    assert!(heard.contains(r#"data: {"text":"first"}"#), "{heard}");
    drop(connection);
    assert_eq!(user.cancelled().await, 1);
}

#[tokio::test]
async fn a_proxy_that_stops_lets_the_entity_know_who_has_gone() {
    let mut port = Port::open().await;
    let client = port.client();
    let stream = watch(&client);
    let mut user = port.started().await;
    user.command().await;
    user.reply(streamed(1, "first"));
    let mut stream = stream.await.unwrap().unwrap();
    assert_eq!(next(&mut stream).await.unwrap(), "first");
    let stopped = tokio::spawn(port.proxy.stop());
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, Some(update(vote(false))));
    user.complete().await;
    assert_eq!(
        next(&mut stream).await.unwrap_err().code(),
        Code::Unavailable
    );
    timeout(Duration::from_secs(5), stopped)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
