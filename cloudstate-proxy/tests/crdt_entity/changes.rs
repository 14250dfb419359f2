//! Changes of the user function, and what it is told of the value.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::crdt::{CrdtClock, CrdtDelta};
use cloudstate_proxy::store::{MemoryStore, Store};

use crate::{
    bench::Bench,
    deltas::{flag, gcounter, gset, ormap, orset, pncounter, register, tally, vote},
    user_side::{change, deletion, reply},
};

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// What a new process tells the user function of an entity after these changes.
async fn after_restart(changes: Vec<CrdtDelta>) -> Option<CrdtDelta> {
    let store = store();
    let mut bench = Bench::of_store(&store);
    let calls: Vec<_> = changes.iter().map(|_| bench.change("a", "")).collect();
    let mut user = bench.started().await;
    for delta in changes {
        let command = user.command().await;
        user.reply(change(command.id, "", delta));
    }
    for call in calls {
        call.text().await;
    }
    let mut bench = Bench::of_store(&store);
    let _call = bench.change("a", "");
    let (id, delta) = bench.opened().await.init().await;
    assert_eq!(id, "a");
    delta
}

#[tokio::test]
async fn every_accepted_change_is_there_after_a_restart() {
    let written = |value| register(value, CrdtClock::Default, 0);
    let map = |entries| ormap(false, &[], vec![], entries);
    for (changes, whole) in [
        (vec![gcounter(2), gcounter(3)], gcounter(5)),
        (vec![pncounter(2), pncounter(-3)], pncounter(-1)),
        (vec![gset(&["x"]), gset(&["y"])], gset(&["x", "y"])),
        (
            vec![orset(false, &[], &["x", "y"]), orset(false, &["x"], &[])],
            orset(false, &[], &["y"]),
        ),
        (vec![written("x"), written("y")], written("y")),
        (vec![flag(false), flag(true)], flag(true)),
        (vec![vote(true)], tally(true, 1, 1)),
        (vec![vote(true), vote(false)], tally(false, 0, 1)),
        (
            vec![
                map(vec![("a", pncounter(1)), ("b", map(vec![]))]),
                ormap(
                    false,
                    &[],
                    vec![("b", map(vec![("c", flag(true))]))],
                    vec![],
                ),
            ],
            map(vec![
                ("a", pncounter(1)),
                ("b", map(vec![("c", flag(true))])),
            ]),
        ),
    ] {
        assert_eq!(after_restart(changes).await, Some(whole));
    }
}

#[tokio::test]
async fn a_value_that_is_still_empty_is_known_by_its_type() {
    assert_eq!(
        after_restart(vec![orset(false, &[], &[])]).await,
        Some(orset(false, &[], &[]))
    );
}

#[tokio::test]
async fn commands_run_side_by_side_and_are_answered_in_any_order() {
    let mut bench = Bench::new();
    let first = bench.change("a", "x");
    let mut user = bench.started().await;
    let command = user.command().await;
    assert_eq!(
        (command.id, &*command.name, command.streamed),
        (1, "Change", false)
    );
    assert_eq!((&*command.entity_id, command.metadata), ("a", None));
    let second = bench.change("a", "y");
    assert_eq!(user.command().await.id, 2);
    user.reply(reply(2, "two"));
    assert_eq!(second.text().await, "two");
    assert!(!first.is_answered());
    user.reply(reply(1, "one"));
    assert_eq!(first.text().await, "one");
    bench.nothing_opened();
}

#[tokio::test]
async fn a_user_function_hears_nothing_of_its_own_changes() {
    let mut bench = Bench::new();
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", pncounter(5)));
    call.text().await;
    let call = bench.change("a", "");
    // The next thing that it hears is the next command.
    assert_eq!(user.command().await.id, 2);
    user.reply(change(2, "", pncounter(-3)));
    call.text().await;
    let call = bench.change("a", "");
    user.command().await;
    user.reply(deletion(3, ""));
    call.text().await;
    user.complete().await;
}

#[tokio::test]
async fn a_change_that_comes_to_nothing_is_corrected_when_nothing_else_is_in_progress() {
    let custom = |value, clock| register(value, CrdtClock::Custom, clock);
    let mut bench = Bench::new();
    let call = bench.change("a", "");
    let mut user = bench.started().await;
    user.command().await;
    user.reply(change(1, "", custom("late", 10)));
    call.text().await;

    let (early, other) = (bench.change("a", ""), bench.change("a", ""));
    user.command().await;
    user.command().await;
    user.reply(change(2, "", custom("early", 5)));
    early.text().await;
    // The other command may be about to change the value that the user function has.
    let third = bench.change("a", "");
    assert_eq!(user.command().await.id, 4);
    user.reply(reply(4, ""));
    third.text().await;
    user.reply(reply(3, ""));
    other.text().await;
    assert_eq!(user.delta().await, register("late", CrdtClock::Default, 0));

    // It knows now, and is told once.
    let call = bench.change("a", "");
    assert_eq!(user.command().await.id, 5);
    user.reply(change(5, "", custom("later", 11)));
    call.text().await;
    let _call = bench.change("a", "");
    assert_eq!(user.command().await.id, 6);
}
