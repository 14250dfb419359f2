//! What methods answer reaches those who subscribe to their topics: each answer, in order, and not again.

use serde_json::json;

use crate::bench::{Bench, OTHER, attribute, text_of};

#[tokio::test]
async fn an_entitys_answers_reach_every_group_with_where_they_come_from() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 1).await;
    for (method, id, text) in [
        ("Source/Announce", "a", "one two"),
        ("Register/Set", "b", "three"),
        ("Source/Announce", "a", "four"),
    ] {
        bench
            .post(method, json!({"id": id, "text": text}), 200)
            .await;
    }
    // A refusal is no answer to be published.
    let refused = json!({"id": "b", "text": "refuse"});
    bench.post("Register/Set", refused, 500).await;
    bench.emit("a", "not published").await;
    for (number, service, id, text) in [
        (1, "Source", "a", "one two"),
        (2, "Register", "b", "three"),
        (3, "Source", "a", "four"),
    ] {
        let command = bench.next("Reader").await;
        assert_eq!((&*command.name, &*text_of(&command)), ("OnAnnounced", text));
        let metadata = command.metadata.unwrap();
        for (key, value) in [
            ("ce-id", format!("announced/{number}")),
            ("ce-source", format!("test.eventing.{service}")),
            ("ce-specversion", "1.0".into()),
            ("ce-type", "test.eventing.Happened".into()),
            ("ce-subject", id.into()),
            ("Content-Type", "application/protobuf".into()),
        ] {
            assert_eq!(attribute(&metadata, key), value);
        }
        assert!(attribute(&metadata, "ce-time").ends_with('Z'));
    }
    bench.expect("Relay", &["one two", "three", "four"]).await;
    // What a subscriber answers is published in turn.
    let again = ["one two again", "three again", "four again"];
    bench.expect("Ear", &again).await;
    bench.stop().await;
}

#[tokio::test]
async fn an_actions_answers_are_published_before_they_leave() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::new(directory.path(), 0, 1).await;
    for word in ["one", "two"] {
        bench.post("Speaker/Tell", json!({"text": word}), 200).await;
    }
    let split = bench
        .post("Speaker/Split", json!({"text": "three four"}), 200)
        .await;
    assert!(split.contains("three") && split.contains("four"), "{split}");
    bench.stop().await;
    let operator = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    let published: i64 = operator
        .query_row(
            "SELECT count(*) FROM journal WHERE persistence_id = 'cloudstate|topic' AND entity_id = 'told'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(published, 4);
    drop(operator);
    // Whoever was not there to read it reads it later, and once.
    let mut bench = Bench::new(directory.path(), 0, 1).await;
    bench
        .post("Speaker/Tell", json!({"text": "five"}), 200)
        .await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "five") {
        seen.push(text_of(&bench.next("Ear").await));
    }
    let all = ["one", "two", "three", "four", "five"];
    assert!(
        all.ends_with(&seen.iter().map(String::as_str).collect::<Vec<_>>()),
        "{seen:?}"
    );
    bench.stop().await;
}

#[tokio::test]
async fn the_method_that_was_called_first_publishes_the_answer() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 1).await;
    bench
        .post("Speaker/Pass", json!({"text": "passed"}), 200)
        .await;
    bench
        .post("Speaker/Delegate", json!({"text": "delegated"}), 200)
        .await;
    bench
        .post("Speaker/Tell", json!({"text": "told"}), 200)
        .await;
    let first = bench.next("Reader").await;
    assert_eq!((&*first.name, &*text_of(&first)), ("OnPassed", "passed"));
    let second = bench.next("Reader").await;
    assert_eq!(
        (&*second.name, &*text_of(&second)),
        ("OnPassed", "delegated")
    );
    let source = attribute(second.metadata.as_ref().unwrap(), "ce-source").to_owned();
    assert_eq!(source, "test.eventing.Speaker");
    // Neither the methods that answered nor those that were side effects have published anything of their own.
    bench.expect("Ear", &["told"]).await;
    bench
        .post("Speaker/TellOther", json!({"text": "other"}), 200)
        .await;
    bench
        .post("Speaker/Tell", json!({"text": "last"}), 200)
        .await;
    bench.expect("Ear", &["other", "last"]).await;
    bench.stop().await;
}

#[tokio::test]
async fn methods_are_found_by_type_and_json_goes_to_the_one_that_takes_anything() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 1).await;
    let json = r#"{"two":2}"#;
    for (method, text, status) in [
        ("Tell", "one", 200),
        // What holds Cloudstate's JSON has no form in proto3's, so that only callers over gRPC could read the answer.
        ("TellJson", json, 500),
        ("TellOther", "three", 200),
    ] {
        let method = format!("Speaker/{method}");
        bench.post(&method, json!({"text": text}), status).await;
    }
    let one = bench.next("Ear").await;
    assert_eq!((&*one.name, &*text_of(&one)), ("OnTold", "one"));
    let two = bench.next("Ear").await;
    assert_eq!((&*two.name, &*text_of(&two)), ("OnAnything", json));
    let metadata = two.metadata.unwrap();
    assert_eq!(two.payload.unwrap().type_url, "json.cloudstate.io/thing");
    for (key, value) in [("ce-type", "thing"), ("Content-Type", "application/json")] {
        assert_eq!(attribute(&metadata, key), value);
    }
    let three = bench.next("Ear").await;
    assert_eq!(three.name, "OnAnything");
    assert_eq!(three.payload.as_ref().unwrap().type_url, OTHER);
    let metadata = three.metadata.unwrap();
    // As its publisher has it.
    for (key, value) in [("ce-id", "mine"), ("ce-extra", "more")] {
        assert_eq!(attribute(&metadata, key), value);
    }
    let picked = bench.next("Picky").await;
    assert_eq!((&*picked.name, &*text_of(&picked)), ("OnOther", "three"));
    bench.stop().await;
}

#[tokio::test]
async fn a_memory_store_carries_topics() {
    let mut bench = Bench::new("memory".as_ref(), 0, 1).await;
    let command = json!({"id": "a", "text": "one"});
    bench.post("Source/Announce", command, 200).await;
    bench.expect("Reader", &["one"]).await;
    bench.expect("Ear", &["one again"]).await;
    bench.stop().await;
}
