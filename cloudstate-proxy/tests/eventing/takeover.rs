//! A user function that comes back with other subscriptions.

use crate::{
    bench::{Bench, PROTO, text_of},
    eventually::eventually,
};

/// What the proxy serves has changed.
async fn taken_over(bench: &Bench, path: &str) {
    eventually("the new specification is served", async || {
        let openapi = bench.get("/openapi.json").await;
        openapi.contains(path).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_group_goes_on_where_it_was_with_other_methods_and_a_new_one_begins_at_the_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    bench.emit("a", "one two").await;
    bench.expect("Listener", &["one", "two"]).await;

    // The same group by another method; a group of its own for what has only had topics so far.
    let changed = PROTO
        .replace("rpc OnHappened(Happened)", "rpc OnEvent(Happened)")
        .replace(
            "service Reader {",
            "service Reader {\n  rpc Replay(Happened) returns (google.protobuf.Empty) {\n    \
             option (cloudstate.eventing).in.event_log = \"source\";\n  }",
        );
    assert_ne!(changed, PROTO);
    bench.restart_with(changed);
    taken_over(&bench, "Listener/OnEvent").await;
    bench.emit("a", "three").await;
    let command = bench.next("Listener").await;
    assert_eq!((&*command.name, &*text_of(&command)), ("OnEvent", "three"));
    for text in ["one", "two", "three"] {
        let command = bench.next("Reader").await;
        assert_eq!((&*command.name, &*text_of(&command)), ("Replay", text));
    }
    assert_eq!(bench.stop_telling().await, []);
}

#[tokio::test]
async fn what_subscribes_no_more_is_told_nothing_until_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    bench.emit("a", "one").await;
    bench.expect("Listener", &["one"]).await;

    let log = "option (cloudstate.eventing).in.event_log = \"source\";";
    let deaf = PROTO.replace(log, "").replace("rpc Untold(", "rpc Deaf(");
    bench.restart_with(deaf);
    taken_over(&bench, "Listener/Deaf").await;
    bench.emit("a", "two").await;

    bench.restart_with(PROTO.into());
    taken_over(&bench, "Listener/Untold").await;
    bench.expect("Listener", &["two"]).await;
    assert_eq!(bench.stop_telling().await, []);
}

#[tokio::test]
async fn a_message_that_cannot_be_handled_may_be_by_what_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 1000, 0).await;
    bench.emit("a", "refuse one").await;
    bench.expect("Listener", &["refuse", "refuse"]).await;
    bench.fail(0);
    let changed = PROTO.replace("rpc OnHappened(Happened)", "rpc OnEvent(Happened)");
    bench.restart_with(changed);
    let command = loop {
        let command = bench.next("Listener").await;
        if command.name == "OnEvent" || text_of(&command) != "refuse" {
            break command;
        }
    };
    // Whichever of the two had the last attempt: none is skipped, and none comes again.
    if text_of(&command) == "refuse" {
        bench.expect("Listener", &["one"]).await;
    } else {
        assert_eq!(text_of(&command), "one");
    }
    taken_over(&bench, "Listener/OnEvent").await;
    assert_eq!(bench.stop_telling().await, []);
}
