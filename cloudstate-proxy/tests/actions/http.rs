//! Over HTTP/JSON.

use tokio::io::AsyncReadExt;

use crate::client::Bench;

#[tokio::test]
async fn a_method_without_a_rule_has_a_route_of_its_name() {
    let bench = Bench::new().await;
    let head = "POST /test.shapes.Shapes/One HTTP/1.1\r\ncontent-type: application/json";
    let answer = bench.http(head, r#"{"text":"hello"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with(r#"{"text":"hello"}"#), "{answer}");
    let answer = bench.http(head, r#"{"text":"fail boom"}"#).await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nboom"), "{answer}");
}

#[tokio::test]
async fn a_stream_is_a_line_of_json_per_message() {
    let bench = Bench::new().await;
    let answer = bench.http("GET /out/a,quiet,b HTTP/1.1", "").await;
    assert!(
        answer.contains("content-type: application/json"),
        "{answer}"
    );
    for chunk in ["{\"text\":\"a\"}\n\r\n", "{\"text\":\"b\"}\n\r\n"] {
        assert!(answer.contains(chunk), "{answer}");
    }
    let answer = bench.http("GET /out/fail%20boom HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    let answer = bench.http("GET /out/a,fail%20boom HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let error = r#"{"error":{"code":"UNKNOWN","message":"boom"}}"#;
    assert!(answer.contains(error), "{answer}");
}

#[tokio::test]
async fn a_stream_is_server_sent_events_for_those_who_accept_them() {
    let bench = Bench::new().await;
    let head = "GET /out/a,b,fail%20boom HTTP/1.1\r\naccept: text/event-stream;q=0.9, */*";
    let answer = bench.http(head, "").await;
    assert!(
        answer.contains("content-type: text/event-stream"),
        "{answer}"
    );
    assert!(answer.contains("cache-control: no-cache"), "{answer}");
    for event in [
        "data: {\"text\":\"a\"}\n\n",
        "data: {\"text\":\"b\"}\n\n",
        "event: error\ndata: {\"code\":\"UNKNOWN\",\"message\":\"boom\"}\n\n",
    ] {
        assert!(answer.contains(event), "{answer}");
    }
}

#[tokio::test]
async fn raw_bodies_are_one_body() {
    let bench = Bench::new().await;
    let answer = bench.http("GET /raw/a,b HTTP/1.1", "").await;
    assert!(answer.contains("content-type: text/plain"), "{answer}");
    assert!(answer.contains("x-first: a"), "{answer}");
    assert!(
        answer.ends_with("1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_stream_in_is_refused_with_the_reason() {
    let bench = Bench::new().await;
    let answer = bench
        .http("POST /test.shapes.Shapes/In HTTP/1.1", "{}")
        .await;
    assert!(answer.starts_with("HTTP/1.1 501"), "{answer}");
    assert!(answer.contains("call it over gRPC"), "{answer}");
}

#[tokio::test]
async fn a_probe_of_knative_is_answered_where_nothing_else_is() {
    let bench = Bench::new().await;
    let answer = bench
        .http("GET / HTTP/1.1\r\nk-network-probe: queue", "")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nqueue"), "{answer}");
    let answer = bench
        .http("GET / HTTP/1.1\r\nk-network-probe: other", "")
        .await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let answer = bench
        .http("GET /out/a HTTP/1.1\r\nk-network-probe: other", "")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let mut bench = Bench::new().await;
    let head = "GET /out/a,wait HTTP/1.1\r\naccept: text/event-stream";
    let mut connection = bench.open(head).await;
    let mut read = Vec::new();
    while !read.ends_with(b"data: {\"text\":\"a\"}\n\n\r\n") {
        read.push(connection.read_u8().await.unwrap());
    }
    bench.expect(&["Out a,wait"]).await;
    drop(connection);
    bench.expect(&["dropped"]).await;
}

#[tokio::test]
async fn an_openapi_document_tells_what_is_served() {
    let bench = Bench::new().await;
    let answer = bench.http("GET /openapi.json HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("content-type: application/json"),
        "{answer}"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/out/{text}"), "{document}");
    assert!(paths.contains_key("/test.shapes.Second/One"), "{document}");

    let post = bench.http("POST /openapi.json HTTP/1.1", "").await;
    assert!(post.starts_with("HTTP/1.1 404"), "{post}");
}

#[tokio::test]
async fn the_openapi_document_may_be_elsewhere_or_nowhere_and_services_come_first() {
    let bench = Bench::with_flags(&["--openapi=/api"]).await;
    let answer = bench.http("GET /api HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for (flag, path) in [("/api", "/openapi.json"), ("off", "/openapi.json")] {
        let bench = Bench::with_flags(&[&format!("--openapi={flag}")]).await;
        let answer = bench.http(&format!("GET {path} HTTP/1.1"), "").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{flag}: {answer}");
    }
    let bench = Bench::with_flags(&["--openapi=/out/a"]).await;
    let answer = bench.http("GET /out/a HTTP/1.1", "").await;
    assert!(answer.contains("{\"text\":\"a\"}"), "{answer}");
}
