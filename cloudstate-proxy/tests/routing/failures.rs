//! User functions that refuse, fail, break the protocol, or say nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cloudstate_protocol::cloudstate::{
    Command, Failure,
    eventsourced::{
        event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
    },
};
use cloudstate_proxy::store::{MemoryStore, Store};
use futures_util::future::join_all;
use tonic::Code;

use crate::{
    bench::{Bench, call},
    scripted::{Say, event, refusal, reply, text_of},
    unreliable::Unreliable,
};

/// Does what a command's text says; anything else is stored.
fn obedient(message: &In) -> Say {
    let In::Command(command) = message else {
        return Say::Nothing;
    };
    match text_of(command).as_str() {
        "refuse" => Say::Message(Out::Reply(refusal(command, "no", false))),
        "restart" => {
            let mut answer = refusal(command, "no", true);
            answer.events = vec![event("never")];
            Say::Message(Out::Reply(answer))
        }
        "fail" => Say::Message(Out::Failure(failure(command.id))),
        "wrong id" => Say::Message(Out::Reply(reply(
            &Command {
                id: command.id + 1,
                ..command.clone()
            },
            "",
            &[],
        ))),
        "end" => Say::End,
        "hang" => Say::Nothing,
        "" => Say::Message(Out::Reply(reply(command, "nothing", &[]))),
        text => Say::Message(Out::Reply(reply(command, text, &[text]))),
    }
}

fn failure(command_id: i64) -> Failure {
    Failure {
        command_id,
        description: "secret detail".into(),
        restart: false,
    }
}

#[tokio::test]
async fn a_refusal_reaches_its_caller_and_the_stream_goes_on() {
    let mut bench = Bench::new(60_000, &[], obedient);
    bench.add("a", "x").await.unwrap();
    let error = bench.add("a", "refuse").await.unwrap_err();
    assert!(error.is_refusal());
    assert_eq!((error.code(), error.message()), (Code::Unknown, "no"));
    bench.add("a", "y").await.unwrap();
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 x",
            "command 2 refuse",
            "command 3 y",
        ])
        .await;
}

#[tokio::test]
async fn a_restart_reloads_at_once_and_drops_the_events() {
    let mut bench = Bench::new(60_000, &[], obedient);
    bench.add("a", "x").await.unwrap();
    assert_eq!(bench.add("a", "restart").await.unwrap_err().message(), "no");
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 x",
            "command 2 restart",
            "closed",
        ])
        .await;
    // Before the next command.
    bench.expect(&["opened", "init a", "event 1 x"]).await;
    bench.add("a", "y").await.unwrap();
    bench.expect(&["command 1 y"]).await;
}

#[tokio::test]
async fn what_goes_wrong_fails_its_own_command_only() {
    for (text, message) in [
        ("fail", "Unexpected entity failure"),
        ("wrong id", "Unexpected entity failure"),
        ("end", "Unexpected entity termination"),
    ] {
        let bench = Bench::new(60_000, &[], obedient);
        let texts = ["x", "y", text, "z", "", "w"];
        let answers = join_all(texts.map(|text| call(&bench.router, "a", text))).await;
        for (asked, answer) in texts.iter().zip(answers) {
            match answer {
                Ok(answer) => assert!(
                    *asked != text && (answer == *asked || answer == "nothing"),
                    "{asked}: {answer}"
                ),
                Err(error) => {
                    assert_eq!(
                        (*asked, error.code(), error.message()),
                        (text, Code::Unknown, message)
                    );
                    assert!(!error.is_refusal());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_broken_protocol_is_reported() {
    let mut bench = Bench::new(60_000, &[], obedient);
    bench.add("a", "wrong id").await.unwrap_err();
    bench
        .expect(&["opened", "init a", "command 1 wrong id"])
        .await;
    let report = bench.saw().await;
    assert!(
        report.contains("counter|a") && report.contains("reply to command 2"),
        "{report}"
    );
}

#[tokio::test]
async fn a_user_function_that_does_not_answer_is_given_up() {
    let mut bench = Bench::new(60_000, &["--command-timeout", "50ms"], obedient);
    let error = bench.add("a", "hang").await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(
        error.message().contains("CLOUDSTATE_COMMAND_TIMEOUT"),
        "{error}"
    );
    bench.add("a", "x").await.unwrap();
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 hang",
            "opened",
            "init a",
            "command 1 x",
        ])
        .await;
}

#[tokio::test]
async fn a_snapshot_that_is_not_understood_is_replaced_by_the_events() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let snapshots = |message: &In| match message {
        In::Command(command) => {
            let mut answer = reply(command, "", &["e"]);
            answer.snapshot = Some(event("snapshot"));
            Say::Message(Out::Reply(answer))
        }
        In::Init(init) if init.snapshot.is_some() => Say::Message(Out::Failure(failure(0))),
        In::Init(_) | In::Event(_) => Say::Nothing,
    };
    let mut bench = Bench::with_store(50, &[], store, snapshots);
    bench.add("a", "").await.unwrap();
    bench
        .expect(&["opened", "init a", "command 1 ", "closed"])
        .await;
    bench.add("a", "").await.unwrap();
    bench
        .expect(&[
            "opened",
            "init a snapshot 1",
            "opened",
            "init a",
            "event 1 e",
            "command 1 ",
        ])
        .await;
}

#[tokio::test]
async fn events_that_are_not_understood_fail_commands_without_losing_them() {
    let replays = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&replays);
    let mut bench = Bench::new(50, &[], move |message: &In| match message {
        // Understood from the second attempt on, as after an update.
        In::Event(_) if counted.fetch_add(1, Ordering::Relaxed) == 0 => {
            Say::Message(Out::Failure(failure(0)))
        }
        other => obedient(other),
    });
    bench.add("a", "x").await.unwrap();
    bench
        .expect(&["opened", "init a", "command 1 x", "closed"])
        .await;
    let error = bench.add("a", "y").await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unknown, "Unexpected entity failure")
    );
    bench.expect(&["opened", "init a", "event 1 x"]).await;
    bench.add("a", "z").await.unwrap();
    bench
        .expect(&["opened", "init a", "event 1 x", "command 1 z"])
        .await;
}

#[tokio::test]
async fn when_the_store_fails_everybody_is_told_and_the_entity_is_loaded_anew() {
    let store = Arc::new(Unreliable::default());
    let mut bench = Bench::with_store(60_000, &[], Arc::clone(&store) as Arc<dyn Store>, obedient);
    bench.add("a", "x").await.unwrap();
    store.fail(1);
    let error = bench.add("a", "lost").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("the disk is full"), "{error}");
    assert_eq!(bench.add("a", "y").await.unwrap(), "y");
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 x",
            "command 2 lost",
            "opened",
            "init a",
            "event 1 x",
            "command 1 y",
        ])
        .await;
}
