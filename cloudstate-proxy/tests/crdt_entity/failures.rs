//! User functions that fail, break the protocol, or do nothing at all.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::{
    Failure,
    crdt::{CrdtReply, crdt_stream_out::Message as Out},
};
use cloudstate_proxy::store::{MemoryStore, Store};
use tonic::Code;

use crate::{
    bench::Bench,
    deltas::{flag, gset, ormap, pncounter},
    user_side::{change, refusal, reply, streamed},
};

#[tokio::test]
async fn a_refusal_reaches_the_caller_and_nothing_else_happens() {
    let mut bench = Bench::new();
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(refusal(1, "no"));
    let error = call.error().await;
    assert!(error.is_refusal());
    assert_eq!((error.code(), error.message()), (Code::Unknown, "no"));
    let _call = bench.change("a", "");
    assert_eq!(user.command().await.id, 2);
}

#[tokio::test]
async fn a_failure_is_of_one_command() {
    let mut bench = Bench::new();
    let (failing, other) = (bench.change("a", ""), bench.change("a", ""));
    let mut user = bench.started().await;
    user.command().await;
    user.command().await;
    user.say(Out::Failure(Failure {
        command_id: 1,
        description: "a secret".into(),
        restart: false,
    }));
    let error = failing.error().await;
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unknown, "Unexpected entity failure")
    );
    user.reply(reply(2, "fine"));
    assert_eq!(other.text().await, "fine");
}

#[tokio::test]
async fn when_the_stream_ends_everybody_is_told_and_the_entity_is_loaded_anew() {
    let mut bench = Bench::new();
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "0"));
    assert_eq!(watching.text().await, "0");
    let call = bench.change("a", "");
    user.command().await;
    user.reply(change(2, "", gset(&["x"])));
    call.text().await;
    let call = bench.change("a", "");
    user.command().await;
    user.end();
    let error = call.error().await;
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unknown, "Entity terminating")
    );
    assert_eq!(watching.error().await.message(), "Entity terminating");
    assert_eq!(
        bench.reported().await,
        "entity room|a: the user function ended the stream"
    );
    let _call = bench.change("a", "");
    assert_eq!(bench.opened().await.init().await.1, Some(gset(&["x"])));
}

/// What the caller of command 1 and that of command 2 read after this reply to command 1, and what is reported.
async fn fault(reply: CrdtReply) -> (String, String, String) {
    let mut bench = Bench::new();
    let (first, second) = (bench.change("a", ""), bench.change("a", ""));
    let mut user = bench.started().await;
    user.command().await;
    user.command().await;
    user.reply(reply);
    let texts = (first.error().await, second.error().await);
    let report = bench.reported().await;
    // The entity is loaded anew.
    let _call = bench.change("a", "");
    bench.started().await;
    (
        texts.0.message().to_owned(),
        texts.1.message().to_owned(),
        report,
    )
}

#[tokio::test]
async fn a_reply_that_breaks_the_protocol_is_a_defect() {
    let (own, other, report) = fault(streamed(1, "")).await;
    assert_eq!(
        (&*own, &*other),
        ("Unexpected entity failure", "Entity terminating")
    );
    assert!(
        report.contains("the reply to command 1 says that more follow"),
        "{report}"
    );

    let (own, other, report) = fault(reply(7, "")).await;
    assert_eq!(
        (&*own, &*other),
        ("Entity terminating", "Entity terminating")
    );
    assert!(
        report.contains("a reply to command 7, which waits for none"),
        "{report}"
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_applied_is_a_defect() {
    let half = ormap(
        false,
        &[],
        vec![],
        vec![("x", flag(true)), ("y", gset(&[])), ("x", flag(false))],
    );
    let (own, other, report) = fault(change(1, "", half)).await;
    assert_eq!(
        (&*own, &*other),
        ("Unexpected entity failure", "Entity terminating")
    );
    assert!(
        report.contains("entity room|a: FlagDelta.value is false"),
        "{report}"
    );
}

#[tokio::test]
async fn a_bad_change_takes_nothing_along_that_is_stored() {
    let mut bench = Bench::new();
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", pncounter(1)));
    call.text().await;
    let call = bench.change("a", "");
    user.command().await;
    user.reply(change(2, "", gset(&["x"])));
    assert_eq!(call.error().await.message(), "Unexpected entity failure");
    let _call = bench.change("a", "");
    assert_eq!(bench.opened().await.init().await.1, Some(pncounter(1)));
}

#[tokio::test]
async fn a_value_that_would_not_fit_into_a_message_is_refused() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::with(60_000, &["--max-message-size", "500"], &store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", pncounter(1)));
    call.text().await;
    // Counting takes no room, however often it is done.
    for id in 2..100 {
        let call = bench.change("a", "");
        user.command().await;
        user.reply(change(id, "", pncounter(1)));
        call.text().await;
    }
    let large = "x".repeat(300);
    let call = bench.change("b", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", gset(&[&large])));
    call.text().await;
    let call = bench.change("b", "");
    user.command().await;
    user.reply(change(2, "", gset(&["y", &format!("{large}z")])));
    let error = call.error().await;
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(
        error.message().contains("CLOUDSTATE_MAX_MESSAGE_SIZE"),
        "{error}"
    );
    let _call = bench.change("b", "");
    assert_eq!(bench.opened().await.init().await.1, Some(gset(&[&large])));
}

#[tokio::test]
async fn a_user_function_that_does_not_answer_is_given_up() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::with(60_000, &["--command-timeout", "100ms"], &store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    assert_eq!(call.error().await.code(), Code::DeadlineExceeded);

    // Nor does it have for ever to answer a cancellation.
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "0"));
    assert_eq!(watching.text().await, "0");
    drop(watching);
    assert_eq!(user.cancelled().await, 1);
    let call = loop {
        let call = bench.change("a", "");
        if let Ok(mut again) =
            tokio::time::timeout(std::time::Duration::from_millis(10), bench.started()).await
        {
            again.command().await;
            again.reply(reply(1, "anew"));
            break call;
        }
    };
    let _ = call;
}

#[tokio::test]
async fn when_the_store_is_gone_nobody_is_told_that_it_worked() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::of_store(&store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    store.close().await.unwrap();
    user.reply(change(1, "done", pncounter(1)));
    assert_eq!(call.error().await.code(), Code::Unavailable);
    assert_eq!(
        bench.change("a", "").error().await.code(),
        Code::Unavailable
    );
}
