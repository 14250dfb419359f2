//! Nothing that shows a change leaves before the change is durable.

use std::sync::Arc;

use cloudstate_proxy::store::{SqliteStore, Store};
use tonic::Code;

use crate::{
    bench::{Bench, Calling},
    deltas::{gset, pncounter},
    gated::GatedStore,
    user_side::{UserSide, change, deletion, message, reply, streamed, update},
};

/// A command that the user function has been given.
async fn given(bench: &Bench, user: &mut UserSide) -> (Calling, i64) {
    let call = bench.change("a", "");
    let command = user.command().await;
    (call, command.id)
}

#[tokio::test]
async fn answers_wait_for_the_changes_that_they_may_show() {
    let (store, mut gate) = GatedStore::with_gate();
    let mut bench = Bench::of_store(&store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    // A reply that shows nothing new does not wait.
    user.reply(reply(1, "empty"));
    assert_eq!(call.text().await, "empty");

    let (changing, id) = given(&bench, &mut user).await;
    user.reply(change(id, "changed", pncounter(1)));
    let write = gate.next().await;
    let (reading, id) = given(&bench, &mut user).await;
    user.reply(reply(id, "read"));
    // The user function has been heard once it is given the next command.
    let (_last, _) = given(&bench, &mut user).await;
    assert!(!changing.is_answered() && !reading.is_answered());
    write.succeed().await;
    assert_eq!(changing.text().await, "changed");
    assert_eq!(reading.text().await, "read");
    gate.nothing_more();
}

#[tokio::test]
async fn changes_that_come_during_a_write_share_the_next_one() {
    let (store, mut gate) = GatedStore::with_gate();
    let mut bench = Bench::of_store(&store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", pncounter(1)));
    let first = gate.next().await;
    let mut calls = Vec::new();
    for _ in 0..50 {
        let (call, id) = given(&bench, &mut user).await;
        user.reply(change(id, "", pncounter(1)));
        calls.push(call);
    }
    let (_last, _) = given(&bench, &mut user).await;
    gate.nothing_more();
    first.succeed().await;
    call.text().await;
    let second = gate.next().await;
    assert!(calls.iter().all(|call| !call.is_answered()));
    second.succeed().await;
    for call in calls {
        call.text().await;
    }
    gate.nothing_more();
    let mut bench = Bench::of_store(&store);
    let _call = bench.change("a", "");
    assert_eq!(bench.opened().await.init().await.1, Some(pncounter(51)));
}

#[tokio::test]
async fn streamed_messages_wait_too_and_keep_their_order() {
    let (store, mut gate) = GatedStore::with_gate();
    let mut bench = Bench::of_store(&store);
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "0"));
    assert_eq!(watching.text().await, "0");
    let (call, id) = given(&bench, &mut user).await;
    user.reply(change(id, "1", pncounter(1)));
    user.message(message(1, "1"));
    let write = watching.poll_while(gate.next()).await;
    let (_last, _) = watching.poll_while(given(&bench, &mut user)).await;
    write.succeed().await;
    assert_eq!(call.text().await, "1");
    assert_eq!(watching.text().await, "1");
}

#[tokio::test]
async fn when_a_write_fails_everybody_who_waits_for_it_is_told() {
    let (store, mut gate) = GatedStore::with_gate();
    let mut bench = Bench::of_store(&store);
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "0"));
    assert_eq!(watching.text().await, "0");
    let (durable, id) = given(&bench, &mut user).await;
    user.reply(change(id, "", gset(&["durable"])));
    gate.next().await.succeed().await;
    durable.text().await;

    let (changing, id) = given(&bench, &mut user).await;
    user.reply(change(id, "", gset(&["lost"])));
    let write = gate.next().await;
    let (reading, id) = given(&bench, &mut user).await;
    user.reply(reply(id, "lost"));
    user.message(message(1, "lost"));
    let (running, _) = given(&bench, &mut user).await;
    write.fail();
    for call in [changing, reading, running] {
        assert_eq!(call.error().await.code(), Code::Unavailable);
    }
    assert_eq!(watching.error().await.code(), Code::Unavailable);
    let _call = bench.change("a", "");
    assert_eq!(
        bench.opened().await.init().await.1,
        Some(gset(&["durable"]))
    );
}

#[tokio::test]
async fn a_deletion_is_answered_when_it_is_durable() {
    let (store, mut gate) = GatedStore::with_gate();
    let mut bench = Bench::of_store(&store);
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(deletion(1, "gone"));
    // The user function does not wait.
    user.complete().await;
    let write = gate.next().await;
    assert!(!call.is_answered());
    write.succeed().await;
    assert_eq!(call.text().await, "gone");
}

#[tokio::test]
async fn what_a_cancellation_changes_is_stored() {
    let (store, mut gate) = GatedStore::with_gate();
    let mut bench = Bench::of_store(&store);
    let mut watching = bench.watch("a");
    let mut user = watching.poll_while(bench.started()).await;
    user.command().await;
    user.reply(streamed(1, "0"));
    assert_eq!(watching.text().await, "0");
    drop(watching);
    assert_eq!(user.cancelled().await, 1);
    user.cancel_answer(1, Some(update(gset(&["left"]))));
    gate.next().await.succeed().await;
}

#[tokio::test]
async fn the_journal_on_disk_keeps_values_and_deletions() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(directory.path()).unwrap()) as Arc<dyn Store>;
    let store = open();
    let mut bench = Bench::of_store(&store);
    for (id, reply) in [("a", change(1, "", gset(&["x"]))), ("b", deletion(1, ""))] {
        let call = bench.change(id, "");
        let mut user = bench.started().await;
        user.command().await;
        user.reply(reply);
        call.text().await;
        user.end();
    }
    bench.router.stop().await;
    store.close().await.unwrap();
    drop((bench, store));

    let store = open();
    let mut bench = Bench::of_store(&store);
    let _call = bench.change("a", "");
    assert_eq!(bench.opened().await.init().await.1, Some(gset(&["x"])));
    assert_eq!(
        bench.change("b", "").error().await.message(),
        "Entity deleted"
    );
}
