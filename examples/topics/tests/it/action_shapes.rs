//! One rpc of each shape, over gRPC; what HTTP can do of them, over HTTP.

use end_to_end::Program;
use serde_json::json;
use tokio_stream::iter;

mod pb {
    cloudstate::include_proto!("com.example.texts");
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_action-shapes"))
}

fn text(text: &str) -> pb::Text {
    pb::Text { text: text.into() }
}

fn words(text: &str) -> Vec<pb::Word> {
    let word = |word: &str| pb::Word { word: word.into() };
    text.split('/').map(word).collect()
}

#[tokio::test]
async fn each_shape_over_grpc() {
    let running = program().start();
    let grpc = running.grpc().await;

    let loud = grpc.call(pb::Texts::Shout, text("hear, hear")).await;
    assert_eq!(loud.unwrap(), text("HEAR, HEAR"));
    let nothing = grpc.call(pb::Texts::Shout, text("")).await.unwrap_err();
    assert_eq!(nothing.message(), "there is nothing to shout");

    let mut split = grpc
        .watch(pb::Texts::Split, text("to be or"))
        .await
        .unwrap();
    for word in words("to/be/or") {
        assert_eq!(split.next().await.unwrap(), Some(word));
    }
    assert_eq!(split.next().await.unwrap(), None);

    let joined = grpc.send_all(pb::Texts::Join, iter(words("not/to/be")));
    assert_eq!(joined.await.unwrap(), text("not to be"));

    let read = grpc.converse(pb::Texts::Proofread, iter(words("teh/end")));
    let mut read = read.await.unwrap();
    for word in words("the/end") {
        assert_eq!(read.next().await.unwrap(), Some(word));
    }
    assert_eq!(read.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_stream_over_http_is_a_line_each() {
    let running = program().start();
    let http = running.http();
    let loud = http.post("/texts/shout", r#"{"text": "hear"}"#).await;
    assert_eq!(loud.json(), json!({"text": "HEAR"}));
    let split = http.get("/texts/split?text=to%20be").await;
    let lines: Vec<&str> = split.body.lines().collect();
    assert_eq!(lines, [r#"{"word":"to"}"#, r#"{"word":"be"}"#]);
}
