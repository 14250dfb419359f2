//! Messages and bodies that are compressed on their way.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use tonic::Code;

use crate::client::{Bench, say, texts};

const JSON: &str = "POST /test.shapes.Shapes/One HTTP/1.1\r\ncontent-type: application/json";
const GZIP: &str = "--compression=gzip";

#[tokio::test]
async fn messages_may_be_compressed_and_answers_are_where_the_setting_says_so() {
    let text = "well, ".repeat(1000);
    for (flags, answered) in [(&[][..], None), (&[GZIP][..], Some("gzip"))] {
        let bench = Bench::with_flags(flags).await;
        let compressing = bench.client.compressed();
        let response = compressing.one_with(say(&text)).await.unwrap();
        let encoding = response.metadata().get("grpc-encoding");
        assert_eq!(
            encoding.map(|encoding| encoding.to_str().unwrap()),
            answered
        );
        assert_eq!(response.into_inner().text, text);
        let mut stream = compressing.out("a,b").await.unwrap();
        assert_eq!(texts(&mut stream).await.0, ["a", "b"]);
        // Whoever does not accept it gets none.
        let response = bench.client.one_with(say(&text)).await.unwrap();
        assert!(response.metadata().get("grpc-encoding").is_none());
        assert_eq!(response.into_inner().text, text);
    }
}

#[tokio::test]
async fn a_message_that_unfolds_beyond_the_limit_is_refused() {
    let bench = Bench::with_flags(&["--max-message-size=100000"]).await;
    let compressing = bench.client.compressed();
    assert!(compressing.one(&"x".repeat(99_000)).await.is_ok());
    let error = compressing.one(&"x".repeat(50_000_000)).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
    assert!(
        error.message().contains("CLOUDSTATE_MAX_MESSAGE_SIZE"),
        "{error}"
    );
    // The connection goes on.
    assert_eq!(compressing.one("x").await.unwrap(), "x");
}

#[tokio::test]
async fn bodies_may_be_compressed() {
    let bench = Bench::with_flags(&["--max-message-size=100000"]).await;
    let head = format!("{JSON}\r\ncontent-encoding: gzip");
    let (answer, body) = post(&bench, &head, &gzip(br#"{"text":"hello"}"#)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(body, br#"{"text":"hello"}"#);

    let bomb = format!("{{\"text\":\"{}\"}}", "x".repeat(50_000_000));
    let (answer, body) = post(&bench, &head, &gzip(bomb.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("RESOURCE_EXHAUSTED")
    );
    let (answer, _) = post(&bench, &head, br#"{"text":"not gzip"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let head = format!("{JSON}\r\ncontent-encoding: br");
    let (answer, body) = post(&bench, &head, b"?").await;
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
    assert!(answer.contains("accept-encoding: gzip\r\n"), "{answer}");
    assert!(String::from_utf8(body).unwrap().contains("`br`"));
}

#[tokio::test]
async fn large_bodies_are_compressed_for_those_who_accept_it() {
    let bench = Bench::with_flags(&[GZIP]).await;
    let head = format!("{JSON}\r\naccept-encoding: br, gzip");
    // The last is compressed elsewhere, so that it holds up nobody.
    for size in [2_000, 1_000_000] {
        let request = format!("{{\"text\":\"{}\"}}", "x".repeat(size));
        let (answer, body) = post(&bench, &head, request.as_bytes()).await;
        assert!(answer.contains("content-encoding: gzip\r\n"), "{answer}");
        assert!(answer.contains("vary: accept-encoding\r\n"), "{answer}");
        assert!(body.len() < size / 10);
        let mut plain = String::new();
        GzDecoder::new(&body[..])
            .read_to_string(&mut plain)
            .unwrap();
        assert_eq!(plain, request);
        let (answer, body) = post(&bench, JSON, request.as_bytes()).await;
        assert!(!answer.contains("content-encoding"), "{answer}");
        assert_eq!(body, request.as_bytes());
    }
    let (answer, body) = post(&bench, &head, br#"{"text":"small"}"#).await;
    assert!(!answer.contains("content-encoding"), "{answer}");
    assert_eq!(body, br#"{"text":"small"}"#);
    let (answer, _) = post(
        &bench,
        "GET /openapi.json HTTP/1.1\r\naccept-encoding: gzip",
        b"",
    )
    .await;
    assert!(answer.contains("content-encoding: gzip\r\n"), "{answer}");
    // A stream leaves message by message.
    let (answer, body) = post(
        &bench,
        "GET /out/a,b HTTP/1.1\r\naccept-encoding: gzip",
        b"",
    )
    .await;
    assert!(!answer.contains("content-encoding"), "{answer}");
    assert!(String::from_utf8(body).unwrap().contains(r#"{"text":"b"}"#));
}

#[tokio::test]
async fn without_the_setting_bodies_leave_as_they_are() {
    let bench = Bench::new().await;
    let head = "GET /openapi.json HTTP/1.1\r\naccept-encoding: gzip";
    let (answer, body) = post(&bench, head, b"").await;
    assert!(!answer.contains("content-encoding"), "{answer}");
    assert!(body.starts_with(b"{"));
}

/// Head and body of an answer.
async fn post(bench: &Bench, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let answer = bench.http_bytes(head, body).await;
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap()
        + 4;
    let (head, body) = answer.split_at(end);
    (String::from_utf8(head.to_vec()).unwrap(), body.to_vec())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}
