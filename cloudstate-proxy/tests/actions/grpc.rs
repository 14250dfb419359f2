//! Over gRPC.

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::{
    client::{Bench, say, texts},
    function::Seen,
};

#[tokio::test]
async fn one_message_is_answered_with_one() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.client.one("hello").await.unwrap(), "hello");
    let Seen::Command(command) = bench.next().await else {
        panic!("a command")
    };
    assert_eq!(command.service_name, "test.shapes.Shapes");
    assert_eq!(command.name, "One");
    assert_eq!(
        command.payload.unwrap().type_url,
        "type.googleapis.com/test.shapes.Request"
    );
}

#[tokio::test]
async fn a_stream_in_names_its_method_first() {
    let mut bench = Bench::new().await;
    assert_eq!(
        bench.client.texts_in(&["a", "b", "c"]).await.unwrap(),
        "a+b+c"
    );
    bench
        .expect(&["test.shapes.Shapes/In", "> a", "> b", "> c", "end"])
        .await;
    // Nothing is something, too.
    assert_eq!(bench.client.texts_in(&[]).await.unwrap(), "");
}

#[tokio::test]
async fn a_stream_out_comes_message_by_message() {
    let mut bench = Bench::new().await;
    let mut stream = bench.client.out("a,b,c").await.unwrap();
    let (messages, status) = texts(&mut stream).await;
    assert_eq!(messages, ["a", "b", "c"]);
    assert!(status.is_none());
    bench.expect(&["Out a,b,c", "dropped"]).await;
}

#[tokio::test]
async fn both_directions_go_at_their_own_pace() {
    let mut bench = Bench::new().await;
    let (sender, requests) = mpsc::channel(1);
    let send = async |text: &str| sender.send(say(text).into_inner()).await.unwrap();
    send("a").await;
    let mut stream = bench
        .client
        .both(ReceiverStream::new(requests))
        .await
        .unwrap();
    for text in ["a", "b", "c"] {
        if text != "a" {
            send(text).await;
        }
        assert_eq!(stream.next().await.unwrap().unwrap().text, text);
    }
    drop(sender);
    assert!(stream.next().await.is_none());
    bench
        .expect(&["test.shapes.Shapes/Both", "> a", "> b", "> c", "end"])
        .await;
}

#[tokio::test]
async fn a_failure_is_the_status_of_the_call_with_its_text() {
    let bench = Bench::new().await;
    for status in [
        bench.client.one("fail expected failure").await.unwrap_err(),
        bench
            .client
            .texts_in(&["fail expected failure"])
            .await
            .unwrap_err(),
        bench.client.out("fail expected failure").await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "expected failure");
    }
}

#[tokio::test]
async fn a_failure_ends_a_stream_on_both_sides() {
    let mut bench = Bench::new().await;
    let (sender, requests) = mpsc::channel(4);
    for text in ["a", "fail expected failure", "b"] {
        sender.send(say(text).into_inner()).await.unwrap();
    }
    let mut stream = bench
        .client
        .both(ReceiverStream::new(requests))
        .await
        .unwrap();
    let (messages, status) = texts(&mut stream).await;
    assert_eq!(messages, ["a"]);
    assert_eq!(status.unwrap().message(), "expected failure");
    // The client still streams, and is told that nobody listens.
    sender.closed().await;
    bench
        .expect(&[
            "test.shapes.Shapes/Both",
            "> a",
            "> fail expected failure",
            "dropped",
        ])
        .await;
}

#[tokio::test]
async fn an_action_that_breaks_off_shows_nothing_of_itself() {
    let bench = Bench::new().await;
    let unary = bench.client.one("break").await.unwrap_err();
    let (messages, streamed) = texts(&mut bench.client.out("a,break,b").await.unwrap()).await;
    assert_eq!(messages, ["a"]);
    for status in [unary, streamed.unwrap()] {
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "Unexpected action failure");
    }
}

#[tokio::test]
async fn forwards_and_effects_of_a_stream_keep_their_places_in_it() {
    let mut bench = Bench::new().await;
    let mut stream = bench
        .client
        .out("a,forward one,effect first,quiet,stream x,y")
        .await
        .unwrap();
    let (messages, status) = texts(&mut stream).await;
    assert_eq!(messages, ["a", "one", "effect first", "x", "y"]);
    assert!(status.is_none());
    bench
        .expect(&[
            "Out a,forward one,effect first,quiet,stream x,y",
            "One one",
            "One first",
            "Out x",
        ])
        .await;
}

#[tokio::test]
async fn a_unary_call_is_forwarded_and_has_effects() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.client.one("forward there").await.unwrap(), "there");
    bench.expect(&["One forward there", "One there"]).await;
    assert_eq!(
        bench.client.one("effect once").await.unwrap(),
        "effect once"
    );
    bench.expect(&["One effect once", "One once"]).await;
    let status = bench.client.one("stream x").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    bench.expect(&["One stream x"]).await;
    let report = bench.saw().await;
    assert!(report.contains("answers with a stream"), "{report}");
    let status = bench.client.one("quiet").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let mut bench = Bench::new().await;
    let mut stream = bench.client.out("a,wait").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text, "a");
    bench.expect(&["Out a,wait"]).await;
    drop(stream);
    bench.expect(&["dropped"]).await;

    let client = bench.client.clone();
    let call = tokio::spawn(async move { client.one("never").await });
    bench.expect(&["One never"]).await;
    call.abort();
    bench.expect(&["dropped"]).await;
}

#[tokio::test]
async fn an_action_waits_for_its_client() {
    let mut bench = Bench::new().await;
    let mut stream = bench.client.out("endless").await.unwrap();
    stream.next().await.unwrap().unwrap();
    // Others are served meanwhile.
    for _ in 0..10 {
        bench.client.one("hello").await.unwrap();
    }
    drop(stream);
    while bench.saw().await != "dropped" {}
    let pulled = bench.function.pulled();
    assert!(
        pulled < 1000,
        "{pulled} messages for a client that took one"
    );
}

#[tokio::test]
async fn a_bad_message_fails_the_call_and_does_not_end_the_stream() {
    let mut bench = Bench::new().await;
    let (sender, requests) = mpsc::channel(1);
    sender.send(Number { number: 1 }).await.unwrap();
    let requests = ReceiverStream::new(requests);
    let status = bench.client.both(requests).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    bench.expect(&["test.shapes.Shapes/Both", "dropped"]).await;
}

/// A message whose field 1 is no text.
#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(int32, tag = "1")]
    number: i32,
}

#[tokio::test]
async fn headers_are_the_metadata_of_the_first_command_and_of_the_first_reply() {
    let mut bench = Bench::new().await;
    let mut request = say("headers");
    let headers = request.metadata_mut();
    headers.insert("x-trace", "42".parse().unwrap());
    headers.insert_bin(
        "token-bin",
        tonic::metadata::MetadataValue::from_bytes(b"\0\xff"),
    );
    let response = bench.client.one_with(request).await.unwrap();
    assert_eq!(response.metadata().get("x-trace").unwrap(), "42");
    let token = response.metadata().get_bin("token-bin").unwrap();
    assert_eq!(&token.to_bytes().unwrap()[..], b"\0\xff");
    let Seen::Command(command) = bench.next().await else {
        panic!("a command")
    };
    let keys: Vec<String> = command
        .metadata
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    assert!(keys.contains(&"x-trace".to_owned()) && keys.contains(&"token-bin".to_owned()));
    assert!(!keys.contains(&"content-type".to_owned()), "{keys:?}");
}

#[tokio::test]
async fn a_deadline_holds_for_a_whole_stream() {
    let mut bench = Bench::new().await;
    let mut request = say("a,wait");
    request.set_timeout(std::time::Duration::from_millis(200));
    let mut stream = bench.client.out_with(request).await.unwrap();
    let (messages, status) = texts(&mut stream).await;
    assert_eq!(messages, ["a"]);
    let code = status.unwrap().code();
    assert!(
        matches!(code, Code::DeadlineExceeded | Code::Cancelled),
        "{code:?}"
    );
    bench.expect(&["Out a,wait", "dropped"]).await;
}

#[tokio::test]
async fn stopping_ends_streams_that_wait() {
    let bench = Bench::new().await;
    let mut stream = bench.client.out("a,wait").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text, "a");
    let Bench { proxy, .. } = bench;
    let (stopped, (messages, status)) = tokio::join!(proxy.stop(), texts(&mut stream));
    stopped.unwrap();
    assert!(messages.is_empty());
    assert_eq!(status.unwrap().code(), Code::Unavailable);
}
