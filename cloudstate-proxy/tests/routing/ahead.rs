//! User functions that take several commands of an entity at a time.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::{
    Command, Failure,
    eventsourced::{
        event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
    },
};
use cloudstate_proxy::{
    Metrics,
    catalog::Catalog,
    router::Router,
    store::{MemoryStore, Store},
};
use futures_util::{FutureExt, future::join_all};
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::sync::mpsc;
use tonic::Code;

use crate::{
    bench::{SOON, call, settings},
    played::{Played, UserSide},
    scripted::{refusal, reply, text_of},
    unreliable::Unreliable,
};

struct Bench {
    router: Router,
    streams: mpsc::UnboundedReceiver<UserSide>,
    reports: mpsc::UnboundedReceiver<String>,
}

impl Bench {
    fn new(commands_ahead: usize, flags: &[&str]) -> Self {
        Self::with_store(commands_ahead, flags, Arc::new(MemoryStore::new()))
    }

    fn with_store(commands_ahead: usize, flags: &[&str], store: Arc<dyn Store>) -> Self {
        let (user_function, streams, reports) = Played::new(commands_ahead);
        let catalog = Catalog::new(user_function.spec()).unwrap();
        let router = Router::new(
            catalog,
            user_function,
            &store,
            &settings(flags),
            Metrics::default(),
        );
        Self {
            router,
            streams,
            reports,
        }
    }

    /// Runs what the callers of these commands see beside what the user function does; gives an answer for each.
    async fn run<const N: usize>(
        &mut self,
        texts: [&str; N],
        user_function: impl AsyncFnOnce(&mut mpsc::UnboundedReceiver<UserSide>),
    ) -> [String; N] {
        let calls = join_all(texts.map(|text| call(&self.router, "a", text)));
        let (answers, ()) = tokio::join!(calls, user_function(&mut self.streams));
        let texts = answers.into_iter().map(|answer| match answer {
            Ok(text) => text,
            Err(error) => format!("{:?}: {}", error.code(), error.message()),
        });
        texts
            .collect::<Vec<_>>()
            .try_into()
            .expect("an answer for each")
    }
}

async fn opened(streams: &mut mpsc::UnboundedReceiver<UserSide>) -> UserSide {
    let stream = tokio::time::timeout(SOON, streams.recv()).await;
    stream.expect("a stream is opened soon").unwrap()
}

/// Stores the command's text.
fn stored(command: &Command) -> Out {
    let text = text_of(command);
    Out::Reply(reply(command, &text, &[&text]))
}

fn failure(command_id: i64) -> Out {
    Out::Failure(Failure {
        command_id,
        description: "secret detail".into(),
        restart: false,
    })
}

/// The texts of the events that an entity is loaded from, up to the first command.
async fn loaded(stream: &mut UserSide) -> (Vec<String>, Command) {
    let mut events = Vec::new();
    loop {
        match stream.heard().await.expect("a command") {
            In::Init(_) => {}
            In::Event(event) => {
                let bytes = event.payload.unwrap().value.to_vec();
                events.push(String::from_utf8(bytes).unwrap());
            }
            In::Command(command) => return (events, command),
        }
    }
}

#[tokio::test]
async fn as_many_commands_as_it_says_are_given_before_the_first_is_replied_to() {
    let mut bench = Bench::new(3, &[]);
    let answers = bench.run(["a", "b", "c", "d", "e"], async |streams| {
        let mut stream = opened(streams).await;
        let given = stream.commands(["a", "b", "c"]).await;
        assert_eq!(given.each_ref().map(|command| command.id), [1, 2, 3]);
        assert!(stream.is_quiet(), "no more than three");
        for command in &given {
            stream.say(stored(command));
        }
        for command in stream.commands(["d", "e"]).await {
            stream.say(stored(&command));
        }
    });
    assert_eq!(answers.await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn one_that_says_nothing_is_given_one_at_a_time() {
    let mut bench = Bench::new(1, &[]);
    let answers = bench.run(["a", "b"], async |streams| {
        let mut stream = opened(streams).await;
        for text in ["a", "b"] {
            let [command] = stream.commands([text]).await;
            assert!(stream.is_quiet());
            stream.say(stored(&command));
        }
    });
    assert_eq!(answers.await, ["a", "b"]);
}

#[tokio::test]
async fn a_failure_is_the_first_commands_and_the_others_run_again() {
    let mut bench = Bench::new(8, &[]);
    let answers = bench.run(["a", "b", "c", "d"], async |streams| {
        let mut stream = opened(streams).await;
        let [a, ..] = stream.commands(["a", "b", "c", "d"]).await;
        stream.say(stored(&a));
        stream.say(failure(2));
        let mut stream = opened(streams).await;
        let (events, c) = loaded(&mut stream).await;
        assert_eq!((events, &*text_of(&c), c.id), (vec!["a".into()], "c", 1));
        let [d] = stream.commands(["d"]).await;
        stream.say(stored(&c));
        stream.say(stored(&d));
    });
    let failed = "Unknown: Unexpected entity failure";
    assert_eq!(answers.await, ["a", failed, "c", "d"]);
}

#[tokio::test]
async fn behind_a_restart_commands_run_again_and_replies_to_them_are_moot() {
    let mut bench = Bench::new(8, &[]);
    let answers = bench.run(["a", "b", "c"], async |streams| {
        let mut stream = opened(streams).await;
        let [a, b, c] = stream.commands(["a", "b", "c"]).await;
        stream.say(stored(&a));
        stream.say(Out::Reply(refusal(&b, "no", true)));
        stream.say(stored(&c));
        assert_eq!(stream.heard().await, None, "half-closed");
        drop(stream);
        let mut stream = opened(streams).await;
        let (events, c) = loaded(&mut stream).await;
        assert_eq!((events, &*text_of(&c)), (vec!["a".into()], "c"));
        stream.say(stored(&c));
    });
    assert_eq!(answers.await, ["a", "Unknown: no", "c"]);
}

#[tokio::test]
async fn a_reply_out_of_order_is_a_defect_that_is_reported() {
    let mut bench = Bench::new(8, &[]);
    let answers = bench.run(["a", "b"], async |streams| {
        let mut stream = opened(streams).await;
        let [_, b] = stream.commands(["a", "b"]).await;
        stream.say(stored(&b));
        let mut stream = opened(streams).await;
        let (events, b) = loaded(&mut stream).await;
        assert_eq!((events, &*text_of(&b)), (Vec::new(), "b"));
        stream.say(stored(&b));
    });
    assert_eq!(answers.await, ["Unknown: Unexpected entity failure", "b"]);
    let report = bench.reports.recv().await.unwrap();
    assert!(
        report.contains("a reply to command 2") && report.contains("not in order"),
        "{report}"
    );
}

#[tokio::test]
async fn a_commands_time_begins_when_those_ahead_of_it_are_done() {
    let mut bench = Bench::new(8, &["--command-timeout", "300ms"]);
    let answers = bench.run(["a", "b", "c"], async |streams| {
        let mut stream = opened(streams).await;
        let [a, ..] = stream.commands(["a", "b", "c"]).await;
        stream.say(stored(&a));
        let mut stream = opened(streams).await;
        let [c] = stream.commands(["c"]).await;
        stream.say(stored(&c));
    });
    let [a, b, c] = answers.await;
    assert_eq!((&*a, &*c), ("a", "c"));
    assert!(
        b.starts_with(&format!("{:?}", Code::DeadlineExceeded)),
        "{b}"
    );
}

#[tokio::test]
async fn a_caller_that_went_away_does_not_hold_up_those_behind() {
    let Bench {
        router,
        mut streams,
        ..
    } = Bench::new(8, &[]);
    let mut gone = call(&router, "a", "gone").boxed();
    assert!(gone.as_mut().now_or_never().is_none());
    let user_function = async {
        let mut stream = opened(&mut streams).await;
        let given = stream.commands(["gone", "b"]).await;
        drop(gone);
        for command in &given {
            stream.say(stored(command));
        }
    };
    let (answer, ()) = tokio::join!(call(&router, "a", "b"), user_function);
    assert_eq!(answer.unwrap(), "b");
}

#[tokio::test]
async fn when_the_store_fails_those_that_ran_are_told_and_the_others_run_again() {
    let store = Arc::new(Unreliable::default());
    let mut bench = Bench::with_store(8, &[], Arc::clone(&store) as Arc<dyn Store>);
    store.fail(1);
    let answers = bench.run(["a", "b", "c"], async |streams| {
        let mut stream = opened(streams).await;
        let given = stream.commands(["a", "b", "c"]).await;
        stream.say(stored(&given[0]));
        // The one behind it is told, the last one has not begun.
        let mut stream = opened(streams).await;
        let (events, c) = loaded(&mut stream).await;
        assert_eq!((events, &*text_of(&c)), (Vec::new(), "c"));
        stream.say(stored(&c));
    });
    let [a, b, c] = answers.await;
    assert!(a.starts_with("Unavailable"), "{a}");
    assert!(b.starts_with("Unavailable"), "{b}");
    assert_eq!(c, "c");
}

/// A user function as the protocol describes it: it handles what it hears in order, and its state is what it was told and
/// what it emitted. Its streams are served until the proxy opens no more.
async fn entity(mut streams: mpsc::UnboundedReceiver<UserSide>) {
    while let Some(stream) = streams.recv().await {
        live(stream).await;
    }
}

/// One stream. What it holds when a command fails is not what is stored, and the commands behind it see that.
async fn live(mut stream: UserSide) {
    let mut state = Vec::new();
    while let Some(message) = stream.next().await {
        let command = match message {
            In::Init(_) => continue,
            In::Event(event) => {
                let bytes = event.payload.unwrap().value.to_vec();
                state.push(String::from_utf8(bytes).unwrap());
                continue;
            }
            In::Command(command) => command,
        };
        let text = text_of(&command);
        match text.as_str() {
            "query" => stream.say(Out::Reply(reply(&command, &state.join(""), &[]))),
            "refuse" => stream.say(Out::Reply(refusal(&command, "no", false))),
            "restart" => {
                state.push("lost".into());
                stream.say(Out::Reply(refusal(&command, "no", true)));
            }
            "fail" => return stream.say(failure(command.id)),
            "end" => return,
            _ => {
                state.push(text.clone());
                stream.say(Out::Reply(reply(&command, &state.join(""), &[&text])));
            }
        }
    }
}

/// What the callers hear, and what is there in the end.
fn history(texts: &[&str], commands_ahead: usize) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let Bench {
            router, streams, ..
        } = Bench::new(commands_ahead, &[]);
        tokio::spawn(entity(streams));
        let calls = texts.iter().map(|text| call(&router, "a", text));
        let mut answers = join_all(calls).await;
        answers.push(call(&router, "a", "query").await);
        let texts = answers.into_iter().map(|answer| match answer {
            Ok(text) => text,
            Err(error) => error.message().to_owned(),
        });
        texts.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn several_at_a_time_give_what_one_at_a_time_gives(
        texts in vec(select(vec!["x", "y", "z", "query", "refuse", "restart", "fail", "end"]), 0..24),
        commands_ahead in 2..9_usize,
    ) {
        prop_assert_eq!(history(&texts, commands_ahead), history(&texts, 1));
    }
}
