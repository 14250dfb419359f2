//! Loading, serving and passivating entities.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::eventsourced::{
    event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
};
use cloudstate_proxy::store::{MemoryStore, Store};
use futures_util::future::join_all;
use tonic::Code;

use crate::{
    bench::{Bench, call},
    scripted::{Say, event, reply},
};

/// Stores every text that is not empty.
fn recorder(message: &In) -> Say {
    match message {
        In::Command(command) => {
            let text = crate::scripted::text_of(command);
            let events: &[&str] = if text.is_empty() { &[] } else { &[&text] };
            Say::Message(Out::Reply(reply(command, &text, events)))
        }
        In::Init(_) | In::Event(_) => Say::Nothing,
    }
}

#[tokio::test]
async fn an_entity_is_loaded_once_and_commands_count_from_one() {
    let mut bench = Bench::new(60_000, &[], recorder);
    assert_eq!(bench.add("a", "x").await.unwrap(), "x");
    assert_eq!(bench.add("a", "y").await.unwrap(), "y");
    assert_eq!(bench.add("b", "z").await.unwrap(), "z");
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 x",
            "command 2 y",
            "opened",
            "init b",
            "command 1 z",
        ])
        .await;
}

#[tokio::test]
async fn an_idle_entity_leaves_and_comes_back_with_its_events() {
    let mut bench = Bench::new(50, &[], recorder);
    bench.add("a", "x").await.unwrap();
    bench
        .expect(&["opened", "init a", "command 1 x", "closed"])
        .await;
    bench.add("a", "y").await.unwrap();
    bench
        .expect(&["opened", "init a", "event 1 x", "command 1 y", "closed"])
        .await;
}

#[tokio::test]
async fn the_longest_timeout_there_is_keeps_an_entity() {
    let mut bench = Bench::new(i64::MAX, &[], recorder);
    bench.add("a", "x").await.unwrap();
    bench.add("a", "y").await.unwrap();
    bench
        .expect(&["opened", "init a", "command 1 x", "command 2 y"])
        .await;
}

#[tokio::test]
async fn commands_that_arrive_while_an_entity_leaves_are_served() {
    let mut bench = Bench::new(1, &[], recorder);
    for _ in 0..200 {
        bench.add("a", "").await.unwrap();
        // The next command comes while the entity is on its way out.
        while bench.saw().await != "closed" {}
    }
    let commands =
        (0..200).map(|number| call(&bench.router, "a", if number % 2 == 0 { "e" } else { "" }));
    assert!(join_all(commands).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn loading_starts_from_the_newest_snapshot() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let script = |message: &In| match message {
        In::Command(command) => {
            let mut answer = reply(command, "", &["e", "f"]);
            answer.snapshot = (command.id == 2).then(|| event("snapshot"));
            Say::Message(Out::Reply(answer))
        }
        In::Init(_) | In::Event(_) => Say::Nothing,
    };
    let mut bench = Bench::with_store(50, &[], Arc::clone(&store), script);
    for _ in 0..3 {
        bench.add("a", "").await.unwrap();
    }
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 ",
            "command 2 ",
            "command 3 ",
            "closed",
        ])
        .await;
    bench.add("a", "").await.unwrap();
    bench
        .expect(&[
            "opened",
            "init a snapshot 4",
            "event 5 e",
            "event 6 f",
            "command 1 ",
        ])
        .await;
}

#[tokio::test]
async fn a_long_history_is_replayed_in_order() {
    let mut bench = Bench::new(50, &[], |message: &In| match message {
        In::Command(command) => {
            let events = vec!["e"; 5000];
            let events = if command.id == 1 && crate::scripted::text_of(command) == "many" {
                &events[..]
            } else {
                &[]
            };
            Say::Message(Out::Reply(reply(command, "", events)))
        }
        In::Init(_) | In::Event(_) => Say::Nothing,
    });
    bench.add("a", "many").await.unwrap();
    bench
        .expect(&["opened", "init a", "command 1 many", "closed"])
        .await;
    bench.add("a", "").await.unwrap();
    bench.expect(&["opened", "init a"]).await;
    for sequence in 1..=5000 {
        assert_eq!(bench.saw().await, format!("event {sequence} e"));
    }
    bench.expect(&["command 1 "]).await;
}

#[tokio::test]
async fn concurrent_commands_of_one_entity_are_stored_in_the_order_of_their_replies() {
    let bench = Bench::new(60_000, &[], recorder);
    let texts: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let answers = join_all(texts.iter().map(|text| call(&bench.router, "a", text))).await;
    for (answer, text) in answers.into_iter().zip(&texts) {
        assert_eq!(&answer.unwrap(), text);
    }
}

#[tokio::test]
async fn a_full_mailbox_is_an_answer() {
    let bench = Bench::new(60_000, &["--max-waiting-commands", "3"], |_: &In| {
        Say::Nothing
    });
    let router = bench.router.clone();
    // One runs, three wait, and nobody answers them.
    let stuck: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn({
                let router = router.clone();
                async move { call(&router, "a", "").await }
            })
        })
        .collect();
    let error = loop {
        tokio::task::yield_now().await;
        let attempt =
            tokio::time::timeout(std::time::Duration::from_millis(20), call(&router, "a", ""));
        if let Ok(result) = attempt.await {
            break result.unwrap_err();
        }
    };
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(
        error
            .message()
            .contains("3 commands already wait for entity `a`"),
        "{error}"
    );
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn too_many_live_entities_is_an_answer() {
    let mut bench = Bench::new(60_000, &["--max-live-entities", "2"], recorder);
    bench.add("a", "").await.unwrap();
    bench.add("b", "").await.unwrap();
    let error = bench.add("c", "").await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(
        error.message().contains("CLOUDSTATE_MAX_LIVE_ENTITIES"),
        "{error}"
    );
    assert!(bench.add("a", "").await.is_ok());
    bench.router.stop().await;
    let mut closed = 0;
    while closed < 2 {
        closed += usize::from(bench.saw().await == "closed");
    }
    assert_eq!(
        bench.add("a", "").await.unwrap_err().code(),
        Code::Unavailable
    );
}
