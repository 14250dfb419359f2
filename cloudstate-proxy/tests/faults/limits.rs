//! Limits that are reached: who is over is told so at once, and who is not is served.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::Code;

use crate::{
    function::Spec,
    others::Others,
    programs::{DEADLINE, Function, Sidecar, eventually, lasting_port},
};

#[tokio::test]
async fn more_requests_than_can_be_carried_are_refused_at_once() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let flags = ["--command-timeout=1h", "--max-requests=50"];
    let sidecar = Sidecar::start(port, &flags).await;
    let client = sidecar.client();
    let hung: Vec<_> = (0..50)
        .map(|id| {
            let client = client.clone();
            tokio::spawn(async move { client.add(&format!("h{id}"), "hang").await })
        })
        .collect();
    for _ in 0..50 {
        function.0.heard("got hang").await;
    }
    let before = sidecar.process.memory();
    let large = "x".repeat(10_000);
    let clients: Vec<_> = (0..10).map(|_| sidecar.client()).collect();
    for _ in 0..10 {
        let flood = clients
            .iter()
            .flat_map(|client| (0..50).map(|_| client.add("flood", &large)));
        for answer in join_all(flood).await {
            let error = answer.unwrap_err();
            assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
            assert!(
                error.message().contains("CLOUDSTATE_MAX_REQUESTS"),
                "{error}"
            );
        }
    }
    let (code, body) = client.get("/anything").await;
    assert_eq!(code, 429, "{body}");
    let mut connection = TcpStream::connect(sidecar.address).await.unwrap();
    let head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(head).await.unwrap();
    let mut answer = String::new();
    let read = timeout(DEADLINE, connection.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    let after = sidecar.process.memory();
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after < before + 100_000_000, "{before} {after}");
    }
    for call in hung {
        call.abort();
    }
    let found = eventually("places are free", async || {
        client.add("flood", "one").await.ok()
    });
    assert_eq!(found.await, "1");
}

/// As many as there is room for are in progress, and hundreds more keep coming, on few connections and on many.
#[tokio::test]
async fn whoever_was_let_in_is_answered_while_others_are_refused() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let flags = ["--command-timeout=1h", "--max-requests=20"];
    let sidecar = Sidecar::start(port, &flags).await;
    let client = sidecar.client();
    let start = |text: &'static str| {
        let calls = (0..10).map(move |id| (format!("{text}{id}"), text));
        let calls = calls.map(|(id, text)| {
            let client = client.clone();
            tokio::spawn(async move { client.add(&id, text).await })
        });
        calls.collect::<Vec<_>>()
    };
    let hung = start("hang");
    for _ in 0..10 {
        function.0.heard("got hang").await;
    }
    let slow = start("slow");
    for _ in 0..10 {
        function.0.heard("got slow").await;
    }
    let clients: Vec<_> = (0..20).map(|_| sidecar.client()).collect();
    let flood = || {
        let many = clients.iter().map(|client| (client, 10));
        let all = many.chain([(&client, 300)]);
        join_all(all.flat_map(|(client, calls)| (0..calls).map(|_| client.add("flood", "count"))))
    };
    let mut refused = 0;
    while !slow.iter().all(tokio::task::JoinHandle::is_finished) {
        for answer in flood().await {
            match answer {
                Ok(counted) => assert_eq!(counted, "0"),
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0);
    for call in slow {
        assert_eq!(call.await.unwrap().unwrap(), "0");
    }
    for call in hung {
        call.abort();
    }
    let all = eventually("all places are free", async || {
        let ids: Vec<_> = (0..20).map(|id| format!("free{id}")).collect();
        let calls = ids.iter().map(|id| client.add(id, "one"));
        let answers = join_all(calls).await.into_iter();
        answers.collect::<Result<Vec<_>, _>>().ok()
    });
    assert_eq!(all.await.len(), 20);
}

/// A message that comes behind its refusal is no mistake of the client. HTTP/2's library would count it as one, and end the
/// connection after a thousand.
#[tokio::test]
async fn refused_calls_may_finish_what_they_say() {
    const HEADERS: u8 = 1;
    const PING: u8 = 6;
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let flags = ["--command-timeout=1h", "--max-requests=1"];
    let sidecar = Sidecar::start(port, &flags).await;
    let client = sidecar.client();
    let hung = tokio::spawn(async move { client.add("h", "hang").await });
    function.0.heard("got hang").await;

    let mut connection = TcpStream::connect(sidecar.address).await.unwrap();
    let opening = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &frame(4, 0, 0, b"")[..],
    ]
    .concat();
    connection.write_all(&opening).await.unwrap();
    let head = b"\x83\x86\x04\x10/test.Ledger/Add\x01\x01x\x0f\x10\x10application/grpc";
    let streams: Vec<u32> = (1..).step_by(2).take(1600).collect();
    for some in streams.chunks(400) {
        let heads = some.iter().map(|stream| frame(HEADERS, 4, *stream, head));
        let heads = heads.collect::<Vec<_>>().concat();
        connection.write_all(&heads).await.unwrap();
        for _ in some {
            until(&mut connection, HEADERS).await;
        }
        let messages = some.iter().map(|stream| frame(0, 1, *stream, &[0; 5]));
        let messages = messages.collect::<Vec<_>>().concat();
        connection.write_all(&messages).await.unwrap();
    }
    let ping = frame(PING, 0, 0, b"still ok");
    connection.write_all(&ping).await.unwrap();
    assert_eq!(until(&mut connection, PING).await, b"still ok");
    hung.abort();
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head[..], payload].concat()
}

/// The payload of the next frame of this kind. The connection must not end before it.
async fn until(connection: &mut TcpStream, kind: u8) -> Vec<u8> {
    const GOAWAY: u8 = 7;
    loop {
        let mut head = [0; 9];
        let read = timeout(DEADLINE, connection.read_exact(&mut head));
        read.await.unwrap().unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        connection.read_exact(&mut payload).await.unwrap();
        assert_ne!(head[3], GOAWAY, "{}", payload.escape_ascii());
        if head[3] == kind {
            return payload;
        }
    }
}

#[tokio::test]
async fn a_connection_too_many_waits_for_another_to_end() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--max-connections=2"]).await;
    let first = sidecar.client();
    assert_eq!(first.add("a", "one").await.unwrap(), "1");
    let second = TcpStream::connect(sidecar.address).await.unwrap();
    let third = sidecar.client();
    let mut waiting = Box::pin(third.add("a", "two"));
    assert!(
        timeout(Duration::from_millis(500), &mut waiting)
            .await
            .is_err()
    );
    // Those that are connected are served meanwhile.
    assert_eq!(first.add("b", "one").await.unwrap(), "1");
    drop(second);
    assert_eq!(waiting.await.unwrap(), "2");
}

#[tokio::test]
async fn a_call_too_many_on_a_connection_waits_there() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--max-streams-per-connection=2"]).await;
    let (crowded, other) = (sidecar.client(), sidecar.client());
    assert_eq!(crowded.add("a", "one").await.unwrap(), "1");
    let hung = ["h1", "h2"].map(|id| {
        let client = crowded.clone();
        tokio::spawn(async move { client.add(id, "hang").await })
    });
    for _ in 0..2 {
        function.0.heard("got hang").await;
    }
    let mut waiting = Box::pin(crowded.add("a", "two"));
    let waited = timeout(Duration::from_millis(500), &mut waiting);
    assert!(waited.await.is_err());
    assert_eq!(other.add("b", "one").await.unwrap(), "1");
    for call in hung {
        call.abort();
    }
    assert_eq!(waiting.await.unwrap(), "2");
}

#[tokio::test]
async fn a_message_too_large_is_refused_and_nobody_else_on_its_connection() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--max-message-size=20000"]).await;
    let others = Others::of(&sidecar).await;
    let client = sidecar.client();
    let (large, small) = ("x".repeat(30_000), "x".repeat(10_000));
    let (refused, served) = tokio::join!(client.add("a", &large), client.add("b", &small));
    assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(served.unwrap(), "1");
    others.were_served().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_ends_its_request() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--request-timeout=500ms"]).await;
    let others = Others::of(&sidecar).await;
    let mut connection = TcpStream::connect(sidecar.address).await.unwrap();
    let head = "POST /test.Ledger/Add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{\"id\"";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(DEADLINE, connection.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("CLOUDSTATE_REQUEST_TIMEOUT"), "{answer}");
    let status = sidecar.client().call_without_end("test.Ledger/Add").await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(
        status.message().contains("CLOUDSTATE_REQUEST_TIMEOUT"),
        "{status}"
    );
    others.were_served().await;
}
