//! The events of an entity reach an action: each, in order, and not again.

use crate::bench::{Bench, attribute, text_of};

#[tokio::test]
async fn each_event_is_told_in_order_with_where_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    bench.emit("a", "one {\"two\":2}").await;
    bench.emit("b", "three").await;
    let json = "{\"two\":2}";
    for (number, method, subject, type_url, text) in [
        (
            1,
            "OnHappened",
            "a",
            "type.googleapis.com/test.eventing.Happened",
            "one",
        ),
        (2, "OnAnything", "a", "json.cloudstate.io/thing", json),
        (
            3,
            "OnHappened",
            "b",
            "type.googleapis.com/test.eventing.Happened",
            "three",
        ),
    ] {
        let command = bench.next("Listener").await;
        assert_eq!(command.service_name, "test.eventing.Listener");
        assert_eq!((&*command.name, &*text_of(&command)), (method, text));
        assert_eq!(command.payload.unwrap().type_url, type_url);
        let metadata = command.metadata.unwrap();
        let number = number.to_string();
        for (key, value) in [
            ("ce-id", number.as_str()),
            ("ce-source", "source"),
            ("ce-specversion", "1.0"),
            ("ce-type", type_url),
            ("ce-subject", subject),
            ("Content-Type", "application/vnd.cloudstate.protobuf.any"),
        ] {
            assert_eq!(attribute(&metadata, key), value);
        }
    }
    bench.stop().await;
}

#[tokio::test]
async fn what_was_handled_does_not_come_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    bench.emit("a", "one two").await;
    bench.expect("Listener", &["one", "two"]).await;
    bench.stop().await;
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    bench.emit("a", "three").await;
    bench.expect("Listener", &["three"]).await;
    let mut told = bench.stop().await;
    assert!(told.recv().await.is_none());
}

#[tokio::test]
async fn what_fails_is_tried_again_before_those_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 3, 0).await;
    bench.emit("a", "refuse break next").await;
    bench
        .expect(
            "Listener",
            &["refuse", "refuse", "refuse", "refuse", "break", "next"],
        )
        .await;
    bench.stop().await;
}

#[tokio::test]
async fn an_event_that_could_not_be_handled_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 1000, 0).await;
    bench.emit("a", "one break two").await;
    bench.expect("Listener", &["one", "break", "break"]).await;
    bench.stop().await;
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    bench.expect("Listener", &["break", "two"]).await;
    bench.stop().await;
}

/// More than are read, or may be forgotten, at a time.
#[tokio::test]
async fn a_long_journal_is_told_from_its_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::new(directory.path(), 0, 0).await;
    let texts: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    bench.emit("a", &texts.join(" ")).await;
    bench.stop().await;
    // Perhaps some have been told already; a position that was never stored is the beginning.
    let operator = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    operator
        .execute(
            "UPDATE entity SET entity_id = 'lost' WHERE persistence_id = 'cloudstate|subscription'",
            [],
        )
        .unwrap();
    drop(operator);
    let mut bench = Bench::new(directory.path(), 0, 0).await;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    bench.expect("Listener", &texts).await;
    bench.stop().await;
}
