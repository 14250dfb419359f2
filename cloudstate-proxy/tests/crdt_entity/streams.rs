//! Streamed commands: a reply, and messages behind it for as long as the client listens.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::crdt::CrdtStreamedMessage;
use cloudstate_proxy::store::{MemoryStore, Store};
use tonic::Code;

use crate::{
    bench::{Bench, Watching},
    deltas::{gcounter, pncounter},
    user_side::{UserSide, change, failure, message, refusal, reply, streamed, update},
};

/// A client that listens to entity `a`, by command 1.
async fn watched(bench: &mut Bench) -> (Watching, UserSide) {
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    let command = user.command().await;
    assert_eq!(
        (command.id, &*command.name, command.streamed),
        (1, "Watch", true)
    );
    user.reply(streamed(1, "0"));
    assert_eq!(watching.text().await, "0");
    (watching, user)
}

#[tokio::test]
async fn a_client_hears_every_message_until_it_goes_away() {
    let mut bench = Bench::new();
    let (mut watching, mut user) = watched(&mut bench).await;
    let call = bench.change("a", "");
    user.command().await;
    user.reply(change(2, "1", pncounter(1)));
    user.message(message(1, "1"));
    user.message(message(1, "one more"));
    assert_eq!(call.text().await, "1");
    assert_eq!(watching.text().await, "1");
    assert_eq!(watching.text().await, "one more");

    drop(watching);
    assert_eq!(user.cancelled().await, 1);
    // Said before the cancellation was heard.
    user.message(message(1, "nobody hears this"));
    user.cancel_answer(1, Some(update(pncounter(-42))));
    let call = bench.change("a", "");
    user.command().await;
    user.reply(refusal(3, "the last"));
    assert_eq!(call.error().await.message(), "the last");
    user.end();
    // Nothing of this was a fault.
    assert!(bench.reported().await.contains("ended the stream"));

    let _call = bench.change("a", "");
    assert_eq!(bench.opened().await.init().await.1, Some(pncounter(-41)));
}

#[tokio::test]
async fn a_cancellation_in_progress_holds_deltas_back() {
    use cloudstate_protocol::cloudstate::crdt::CrdtClock;
    let custom = |value, clock| crate::deltas::register(value, CrdtClock::Custom, clock);
    let mut bench = Bench::new();
    let (watching, mut user) = watched(&mut bench).await;
    let call = bench.change("a", "");
    user.command().await;
    user.reply(change(2, "", custom("late", 10)));
    call.text().await;
    let call = bench.change("a", "");
    user.command().await;
    drop(watching);
    assert_eq!(user.cancelled().await, 1);
    user.reply(change(3, "", custom("early", 5)));
    call.text().await;
    let call = bench.change("a", "");
    assert_eq!(user.command().await.id, 4);
    user.reply(reply(4, ""));
    call.text().await;
    user.cancel_answer(1, None);
    assert_eq!(
        user.delta().await,
        crate::deltas::register("late", CrdtClock::Default, 0)
    );
}

#[tokio::test]
async fn a_reply_that_promises_no_more_ends_the_stream() {
    let mut bench = Bench::new();
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(reply(1, "all"));
    assert_eq!(watching.text().await, "all");
    assert!(watching.next().await.is_none());
    user.message(message(1, "too late"));
    assert!(
        bench
            .reported()
            .await
            .contains("a message for command 1, which has no stream")
    );
}

#[tokio::test]
async fn the_user_function_ends_a_stream_with_a_last_message() {
    let mut bench = Bench::new();
    let (mut watching, mut user) = watched(&mut bench).await;
    user.message(CrdtStreamedMessage {
        end_stream: true,
        ..message(1, "last")
    });
    assert_eq!(watching.text().await, "last");
    assert!(watching.next().await.is_none());
    // It knows, and is not told.
    let _call = bench.change("a", "");
    assert_eq!(user.command().await.id, 2);
}

#[tokio::test]
async fn a_stream_ends_without_a_last_message() {
    let mut bench = Bench::new();
    let (mut watching, user) = watched(&mut bench).await;
    user.message(CrdtStreamedMessage {
        command_id: 1,
        end_stream: true,
        ..CrdtStreamedMessage::default()
    });
    // What ends it is an outcome without a message, of which a client sees nothing.
    assert_eq!(watching.text().await, "");
    assert!(watching.next().await.is_none());
}

#[tokio::test]
async fn a_failure_ends_a_stream() {
    let mut bench = Bench::new();
    let (mut watching, mut user) = watched(&mut bench).await;
    user.message(CrdtStreamedMessage {
        client_action: Some(failure("no more")),
        ..message(1, "")
    });
    assert_eq!(watching.error().await.message(), "no more");
    assert!(watching.next().await.is_none());
    let _call = bench.change("a", "");
    assert_eq!(user.command().await.id, 2);
}

#[tokio::test]
async fn a_refused_streamed_command_has_no_stream() {
    let mut bench = Bench::new();
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(refusal(1, "not you"));
    let error = watching.error().await;
    assert!(error.is_refusal());
    assert_eq!(error.message(), "not you");
    assert!(watching.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_nobody_waits_for_it() {
    let mut bench = Bench::new();
    let (mut idle, mut user) = watched(&mut bench).await;
    let mut busy = bench.watch("a");
    busy.poll_while(user.command()).await;
    user.reply(streamed(2, "0"));
    assert_eq!(busy.text().await, "0");
    for number in 1..=1000 {
        user.message(message(1, &number.to_string()));
        user.message(message(2, &number.to_string()));
        assert_eq!(busy.text().await, number.to_string());
    }
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, None);
    let mut heard = 0;
    let error = loop {
        match idle.next().await.expect("an error at the end") {
            Ok(text) => {
                heard += 1;
                assert_eq!(text, heard.to_string());
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!((100..1000).contains(&heard), "{heard}");
    assert!(idle.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_reply_is_cancelled_with_it() {
    let mut bench = Bench::new();
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    drop(watching);
    user.reply(streamed(1, "0"));
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, Some(update(gcounter(1))));
    let call = bench.change("a", "");
    assert_eq!(user.command().await.id, 2);
    user.reply(reply(2, ""));
    call.text().await;
}

#[tokio::test]
async fn the_streams_of_an_entity_have_a_limit() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::with(60_000, &["--max-streams-per-entity", "2"], &store);
    let (first, mut user) = watched(&mut bench).await;
    let mut second = bench.watch("a");
    second.poll_while(user.command()).await;
    // It may become a stream, so it counts.
    let error = bench.watch("a").error().await;
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(
        error
            .message()
            .contains("CLOUDSTATE_MAX_STREAMS_PER_ENTITY"),
        "{error}"
    );
    user.reply(streamed(2, "second"));
    assert_eq!(second.text().await, "second");
    // Unary commands go on.
    let call = bench.change("a", "");
    user.command().await;
    user.reply(reply(3, ""));
    call.text().await;
    drop(first);
    assert_eq!(user.cancelled().await, 1);
    let mut third = bench.watch("a");
    assert_eq!(third.poll_while(user.command()).await.id, 4);
}
