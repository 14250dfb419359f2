//! A router around a scripted user function and a memory store, and what one asks of it.

use std::{sync::Arc, time::Duration};

use clap::Parser;
use cloudstate_protocol::cloudstate::{
    Command,
    eventsourced::{
        EventSourcedReply, event_sourced_stream_in::Message as In,
        event_sourced_stream_out::Message as Out,
    },
};
use cloudstate_proxy::{
    Metrics, Settings,
    call::{Call, CallError},
    catalog::Catalog,
    router::Router,
    store::{MemoryStore, Store},
};
use tokio::sync::mpsc;

use crate::scripted::{Say, Scripted, Seen, message, text_of};

/// How long a test waits for something that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Bench {
    pub(crate) router: Router,
    seen: mpsc::UnboundedReceiver<Seen>,
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

/// The defaults, with these flags on top.
pub(crate) fn settings(flags: &[&str]) -> Settings {
    Arguments::parse_from(["test"].iter().chain(flags)).settings
}

impl Bench {
    /// A user function that only does something about commands.
    pub(crate) fn of_commands(
        command: impl Fn(&Command) -> EventSourcedReply + Send + Sync + 'static,
    ) -> Self {
        Self::new(60_000, &[], move |message| match message {
            In::Command(received) => Say::Message(Out::Reply(command(received))),
            In::Init(_) | In::Event(_) => Say::Nothing,
        })
    }

    pub(crate) fn new(
        passivate_after: i64,
        flags: &[&str],
        script: impl Fn(&In) -> Say + Send + Sync + 'static,
    ) -> Self {
        Self::with_store(passivate_after, flags, Arc::new(MemoryStore::new()), script)
    }

    pub(crate) fn with_store(
        passivate_after: i64,
        flags: &[&str],
        store: Arc<dyn Store>,
        script: impl Fn(&In) -> Say + Send + Sync + 'static,
    ) -> Self {
        let (user_function, seen) = Scripted::new(passivate_after, script);
        let catalog = Catalog::new(user_function.spec()).unwrap();
        let router = Router::new(
            catalog,
            user_function,
            &store,
            &settings(flags),
            Metrics::default(),
        );
        Self { router, seen }
    }

    /// Calls `Counter/Add` and gives the response's text.
    pub(crate) async fn add(&self, id: &str, text: &str) -> Result<String, CallError> {
        call(&self.router, id, text).await
    }

    /// What the proxy did next.
    pub(crate) async fn next(&mut self) -> Seen {
        tokio::time::timeout(SOON, self.seen.recv())
            .await
            .expect("something happens soon")
            .unwrap()
    }

    /// What the proxy sent next: `init`, `event 3 text`, `command 2 text`, `opened`, `closed`, or a report.
    pub(crate) async fn saw(&mut self) -> String {
        match self.next().await {
            Seen::Opened => "opened".into(),
            Seen::Closed => "closed".into(),
            Seen::Report(text) => format!("report {text}"),
            Seen::In(In::Init(init)) => match init.snapshot {
                Some(snapshot) => format!(
                    "init {} snapshot {}",
                    init.entity_id, snapshot.snapshot_sequence
                ),
                None => format!("init {}", init.entity_id),
            },
            Seen::In(In::Event(event)) => {
                let text = String::from_utf8(event.payload.unwrap().value.to_vec()).unwrap();
                format!("event {} {text}", event.sequence)
            }
            Seen::In(In::Command(command)) => {
                format!("command {} {}", command.id, text_of(&command))
            }
        }
    }

    /// Asserts what the proxy did next, in order.
    pub(crate) async fn expect(&mut self, expected: &[&str]) {
        for &expected in expected {
            assert_eq!(self.saw().await, expected);
        }
    }
}

pub(crate) async fn call(router: &Router, id: &str, text: &str) -> Result<String, CallError> {
    let method = Arc::clone(
        router
            .catalog()
            .method("test.counter.Counter", "Add")
            .unwrap(),
    );
    let payload = [message(1, id), message(2, text)].concat().into();
    let answer = tokio::time::timeout(SOON, router.call(Call::new(method, payload, None)));
    let answer = answer
        .await
        .expect("an answer comes soon")?
        .expect("a message");
    Ok(String::from_utf8(answer.payload.get(2..).unwrap_or_default().to_vec()).unwrap())
}
