//! Deletion, passivation, and the end of the process.

use std::sync::Arc;

use cloudstate_proxy::store::{MemoryStore, Store};
use tonic::Code;

use crate::{
    bench::Bench,
    deltas::{gset, orset},
    user_side::{change, deletion, reply, streamed, update},
};

#[tokio::test]
async fn a_deleted_entity_stays_deleted() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::of_store(&store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", gset(&["x"])));
    call.text().await;
    let call = bench.change("a", "");
    user.command().await;
    user.reply(deletion(2, "gone"));
    // The stream is half-closed at once, and the answer does not wait for its completion.
    assert_eq!(user.next().await, None);
    assert_eq!(call.text().await, "gone");
    let refused = bench.change("a", "").error().await;
    assert_eq!(refused.message(), "Entity deleted");
    user.end();
    let refused = bench.change("a", "").error().await;
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::NotFound, "Entity deleted")
    );

    let mut bench = Bench::of_store(&store);
    assert_eq!(
        bench.change("a", "").error().await.message(),
        "Entity deleted"
    );
    bench.nothing_opened();
    let _other = bench.change("b", "");
    bench.started().await;
}

#[tokio::test]
async fn what_was_begun_before_a_deletion_is_finished() {
    let mut bench = Bench::new();
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    let command = user.command().await;
    assert!(command.streamed);
    user.reply(streamed(1, "first"));
    assert_eq!(watching.text().await, "first");
    let (delete, answered, not_answered) = (
        bench.change("a", ""),
        bench.change("a", ""),
        bench.change("a", ""),
    );
    for _ in 0..3 {
        user.command().await;
    }
    user.reply(deletion(2, "gone"));
    user.message(crate::user_side::message(1, "last"));
    user.reply(change(3, "answered", gset(&["x"])));
    user.end();
    assert_eq!(delete.text().await, "gone");
    assert_eq!(answered.text().await, "answered");
    assert_eq!(not_answered.error().await.message(), "Entity deleted");
    assert_eq!(watching.text().await, "last");
    assert_eq!(watching.error().await.message(), "Entity deleted");
}

#[tokio::test]
async fn an_idle_entity_leaves_and_comes_back_with_its_value() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::with(50, &[], &store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", gset(&["x"])));
    call.text().await;
    user.complete().await;
    let call = bench.change("a", "");
    let mut user = bench.opened().await;
    assert_eq!(user.init().await.1, Some(gset(&["x"])));
    // Commands count anew.
    assert_eq!(user.command().await.id, 1);
    user.reply(reply(1, "back"));
    assert_eq!(call.text().await, "back");
    user.complete().await;
}

#[tokio::test]
async fn an_entity_stays_while_somebody_listens() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::with(20, &[], &store);
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "first"));
    assert_eq!(watching.text().await, "first");
    // Another entity comes and goes several times over meanwhile.
    for _ in 0..5 {
        let call = bench.change("b", "");
        let mut other = bench.started().await;
        other.command().await;
        other.reply(reply(1, ""));
        call.text().await;
        other.complete().await;
    }
    let call = bench.change("a", "");
    assert_eq!(user.command().await.id, 2);
    user.reply(reply(2, ""));
    call.text().await;
    drop(watching);
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, None);
    user.complete().await;
}

#[tokio::test]
async fn when_the_process_stops_those_who_listen_are_told_and_the_entity_knows() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut bench = Bench::of_store(&store);
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "first"));
    assert_eq!(watching.text().await, "first");
    let router = bench.router.clone();
    let stopped = tokio::spawn(async move { router.stop().await });
    assert_eq!(watching.error().await.code(), Code::Unavailable);
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, Some(update(orset(false, &[], &["left"]))));
    user.complete().await;
    stopped.await.unwrap();

    let mut bench = Bench::of_store(&store);
    let _call = bench.change("a", "");
    let (_, known) = bench.opened().await.init().await;
    assert_eq!(known, Some(orset(false, &[], &["left"])));
}
