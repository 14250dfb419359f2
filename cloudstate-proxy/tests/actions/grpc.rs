//! Over gRPC, with the user function in the process of the proxy and in one that it dials.

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::{
    client::{Bench, say, texts},
    function::Seen,
};

macro_rules! tests {
    ($($name:ident,)*) => {
        mod in_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Bench::new().await).await;
            })*
        }

        mod remote {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Bench::remote().await).await;
            })*
        }
    };
}

tests! {
    one_message_is_answered_with_one,
    a_stream_in_names_its_method_first,
    a_stream_out_comes_message_by_message,
    both_directions_go_at_their_own_pace,
    a_failure_is_the_status_of_the_call_with_its_text,
    a_failure_ends_a_stream_on_both_sides,
    an_action_that_breaks_off_shows_nothing_of_itself,
    forwards_and_effects_of_a_stream_keep_their_places_in_it,
    a_unary_call_is_forwarded_and_has_effects,
    a_client_that_goes_away_cancels_its_call,
    an_action_waits_for_its_client,
    a_bad_message_fails_the_call_and_does_not_end_the_stream,
    headers_are_the_metadata_of_the_first_command_and_of_the_first_reply,
    a_deadline_holds_for_a_whole_stream,
    stopping_ends_streams_that_wait,
}

async fn one_message_is_answered_with_one(mut bench: Bench) {
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

async fn a_stream_in_names_its_method_first(mut bench: Bench) {
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

async fn a_stream_out_comes_message_by_message(mut bench: Bench) {
    let mut stream = bench.client.out("a,b,c").await.unwrap();
    let (messages, status) = texts(&mut stream).await;
    assert_eq!(messages, ["a", "b", "c"]);
    assert!(status.is_none());
    bench.expect(&["Out a,b,c", "dropped"]).await;
}

async fn both_directions_go_at_their_own_pace(mut bench: Bench) {
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

async fn a_failure_is_the_status_of_the_call_with_its_text(bench: Bench) {
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

async fn a_failure_ends_a_stream_on_both_sides(mut bench: Bench) {
    let (sender, requests) = mpsc::channel(4);
    for text in ["a", "fail expected failure"] {
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
    // The client still streams, and is told that nobody listens. The action is not told that this was everything.
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

async fn an_action_that_breaks_off_shows_nothing_of_itself(bench: Bench) {
    let unary = bench.client.one("break").await.unwrap_err();
    let (messages, streamed) = texts(&mut bench.client.out("a,break,b").await.unwrap()).await;
    assert_eq!(messages, ["a"]);
    for status in [unary, streamed.unwrap()] {
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "Unexpected action failure");
    }
}

async fn forwards_and_effects_of_a_stream_keep_their_places_in_it(mut bench: Bench) {
    let mut stream = bench
        .client
        .out("a,forward one,effect first,quiet,stream x,y")
        .await
        .unwrap();
    let (messages, status) = texts(&mut stream).await;
    assert_eq!(messages, ["a", "one", "effect first", "x", "y"]);
    assert!(status.is_none());
    for expected in [
        "Out a,forward one,effect first,quiet,stream x,y",
        "One one",
        "One first",
        "Out x",
    ] {
        // Over a network, an action may be done before its responses have been dealt with.
        let seen = match bench.saw().await.as_str() {
            "dropped" => bench.saw().await,
            seen => seen.to_owned(),
        };
        assert_eq!(seen, expected);
    }
}

async fn a_unary_call_is_forwarded_and_has_effects(mut bench: Bench) {
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

async fn a_client_that_goes_away_cancels_its_call(mut bench: Bench) {
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

async fn an_action_waits_for_its_client(mut bench: Bench) {
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

async fn a_bad_message_fails_the_call_and_does_not_end_the_stream(mut bench: Bench) {
    let (sender, requests) = mpsc::channel(1);
    sender.send(Number { number: 1 }).await.unwrap();
    let requests = ReceiverStream::new(requests);
    let status = bench.client.both(requests).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    loop {
        match bench.saw().await.as_str() {
            "dropped" => break,
            seen => assert_eq!(seen, "test.shapes.Shapes/Both"),
        }
    }
}

/// A message whose field 1 is no text.
#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(int32, tag = "1")]
    number: i32,
}

async fn headers_are_the_metadata_of_the_first_command_and_of_the_first_reply(mut bench: Bench) {
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

async fn a_deadline_holds_for_a_whole_stream(mut bench: Bench) {
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

async fn stopping_ends_streams_that_wait(bench: Bench) {
    let mut stream = bench.client.out("a,wait").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().text, "a");
    let Bench { proxy, .. } = bench;
    let (stopped, (messages, status)) = tokio::join!(proxy.stop(), texts(&mut stream));
    stopped.unwrap();
    assert!(messages.is_empty());
    assert_eq!(status.unwrap().code(), Code::Unavailable);
}
