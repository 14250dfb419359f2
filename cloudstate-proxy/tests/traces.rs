//! A collector reads of a call what became of it, below the caller's own span; the user function is told where it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "traces/collector.rs"]
mod collector;
#[path = "crdt/deltas.rs"]
#[allow(dead_code, reason = "not every test program uses all of it")]
mod deltas;
#[path = "traces/log.rs"]
mod log;
#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/scripted.rs"]
#[allow(dead_code, reason = "not every test program uses all of it")]
mod scripted;
#[path = "crdt_entity/user_side.rs"]
#[allow(dead_code, reason = "not every test program uses all of it")]
mod user_side;

use std::{net::SocketAddr, sync::Arc};

use clap::Parser;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        Command, Failure, Forward, SideEffect,
        client_action::Action,
        eventsourced::{
            EventSourcedReply, event_sourced_stream_in::Message as In,
            event_sourced_stream_out::Message as Out,
        },
        metadata_entry::Value,
    },
};
use cloudstate_proxy::{Proxy, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use collector::{Collected, Collector};
use deltas::gset;
use log::Log;
use scripted::{Say, Scripted, Seen, action, message, reply, text_of};
use user_side::{Played, change};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

const COUNTER: &str = "/test.counter.Counter/Add";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

struct Bench {
    proxy: Proxy,
    seen: mpsc::UnboundedReceiver<Seen>,
}

/// Settings of a proxy on a free port, with these flags on top.
fn settings(flags: &[String]) -> Settings {
    let arguments = [
        "test",
        "--http-port=0",
        "--metrics-port=off",
        "--store=memory",
    ]
    .map(str::to_owned);
    Arguments::parse_from(arguments.iter().chain(flags)).settings
}

/// Calls a method with a message and these headers, and gives the whole answer.
async fn post(proxy: SocketAddr, path: &str, headers: &str) -> String {
    let mut connection = TcpStream::connect(proxy).await.unwrap();
    let body = r#"{"id": "a", "text": "one"}"#;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

impl Bench {
    async fn new(flags: &[String]) -> Self {
        Self::of_commands(flags, |command| {
            Out::Reply(reply(command, "done", &["something"]))
        })
        .await
    }

    /// A user function that answers every command as `say` says.
    async fn of_commands(
        flags: &[String],
        say: impl Fn(&Command) -> Out + Send + Sync + 'static,
    ) -> Self {
        let (user_function, seen) = Scripted::new(60_000, move |message| match message {
            In::Command(command) => Say::Message(say(command)),
            In::Init(_) | In::Event(_) => Say::Nothing,
        });
        let proxy = Proxy::start(user_function, &settings(flags)).await.unwrap();
        Self { proxy, seen }
    }

    /// Calls with these headers, and gives the command that the user function got.
    async fn call(&mut self, headers: &str) -> Command {
        let answer = post(self.proxy.address(), COUNTER, headers).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        self.command().await
    }

    /// The next command that the user function got.
    async fn command(&mut self) -> Command {
        loop {
            if let Seen::In(In::Command(command)) = self.seen.recv().await.unwrap() {
                return command;
            }
        }
    }
}

fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{CALLER}-{flags}\r\ntracestate: vendor=1\r\n")
}

fn header<'a>(command: &'a Command, key: &str) -> Option<&'a str> {
    let entries = &command.metadata.as_ref()?.entries;
    match &entries.iter().find(|entry| entry.key == key)?.value {
        Some(Value::StringValue(text)) => Some(text),
        other => panic!("{key}: {other:?}"),
    }
}

/// The one span of this name.
fn named<'a>(spans: &'a [Collected], name: &str) -> &'a Collected {
    let found: Vec<&Collected> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {spans:?}");
    found[0]
}

#[tokio::test]
async fn a_call_is_a_span_below_the_callers_and_its_parts_are_below_that() {
    let collector = Arc::new(Collector::start().await);
    let flags = [
        format!("--otlp-endpoint={}", collector.url()),
        "--otel-service-name=counters".into(),
    ];
    let mut bench = Bench::new(&flags).await;
    let command = bench.call(&traceparent("01")).await;
    bench.proxy.stop().await.unwrap();
    let spans = collector.spans();

    assert_eq!(spans.len(), 4, "{spans:?}");
    for span in &spans {
        assert_eq!(span.trace, TRACE);
        assert_eq!(span.service, "counters");
        assert_eq!(span.state, "vendor=1");
        assert!(span.start > 0 && span.start <= span.end, "{span:?}");
    }
    let request = named(&spans, "test.counter.Counter/Add");
    assert_eq!((request.parent.as_str(), request.kind), (CALLER, 2));
    let handled = named(&spans, "handle test.counter.Counter");
    assert_eq!(handled.parent, request.span);
    for part in ["user function", "store"] {
        assert_eq!(named(&spans, part).parent, handled.span);
    }
    let parent = format!("00-{TRACE}-{}-01", handled.span);
    assert_eq!(header(&command, "traceparent"), Some(&*parent));
    assert_eq!(header(&command, "tracestate"), Some("vendor=1"));
}

#[tokio::test]
async fn what_the_caller_does_not_want_recorded_is_not() {
    let collector = Collector::start().await;
    let mut bench = Bench::new(&[format!("--otlp-endpoint={}", collector.url())]).await;
    let command = bench.call(&traceparent("00")).await;
    bench.proxy.stop().await.unwrap();
    assert!(collector.spans().is_empty());
    let unchanged = format!("00-{TRACE}-{CALLER}-00");
    assert!([None, Some(&*unchanged)].contains(&header(&command, "traceparent")));
}

#[tokio::test]
async fn chance_decides_where_the_caller_does_not() {
    for (ratio, expected) in [("1", 4), ("0", 0)] {
        let collector = Collector::start().await;
        let flags = [
            format!("--otlp-endpoint={}", collector.url()),
            format!("--trace-ratio={ratio}"),
        ];
        let mut bench = Bench::new(&flags).await;
        bench.call("").await;
        bench.proxy.stop().await.unwrap();
        assert_eq!(collector.spans().len(), expected, "{ratio}");
    }
}

#[tokio::test]
async fn without_a_collector_calls_are_answered_and_nothing_is_added_to_them() {
    let nobody = ["--otlp-endpoint=http://127.0.0.1:9".to_owned()];
    let mut bench = Bench::new(&nobody).await;
    bench.call(&traceparent("01")).await;
    bench.proxy.stop().await.unwrap();

    let mut bench = Bench::new(&[]).await;
    let command = bench.call("").await;
    assert_eq!(header(&command, "traceparent"), None);
    bench.proxy.stop().await.unwrap();
}

fn request(text: &str) -> Option<Any> {
    Some(Any {
        type_url: "type.googleapis.com/test.counter.Request".into(),
        value: [message(1, "b"), message(2, text)].concat().into(),
    })
}

/// Replies to what comes from outside with a side effect and a forward.
fn delegating(command: &Command) -> Out {
    if text_of(command) != "one" {
        return Out::Reply(reply(command, "done", &[]));
    }
    let (service_name, command_name) = ("test.counter.Other".to_owned(), "Add".to_owned());
    let forward = Forward {
        service_name: service_name.clone(),
        command_name: command_name.clone(),
        payload: request("forwarded"),
        metadata: None,
    };
    let effect = |synchronous| SideEffect {
        service_name: service_name.clone(),
        command_name: command_name.clone(),
        payload: request("effect"),
        synchronous,
        metadata: None,
    };
    Out::Reply(EventSourcedReply {
        command_id: command.id,
        client_action: action(Action::Forward(forward)),
        side_effects: vec![effect(true), effect(false)],
        ..EventSourcedReply::default()
    })
}

#[tokio::test]
async fn forwards_and_side_effects_belong_to_the_call_that_they_follow_from() {
    let collector = Collector::start().await;
    let flags = [format!("--otlp-endpoint={}", collector.url())];
    let mut bench = Bench::of_commands(&flags, delegating).await;
    let first = bench.call(&traceparent("01")).await;
    let mut commands = vec![first];
    for _ in 0..3 {
        commands.push(bench.command().await);
    }
    bench.proxy.stop().await.unwrap();
    let spans = collector.spans();

    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:?}");
    let request = named(&spans, "test.counter.Counter/Add");
    let mut expected = vec![named(&spans, "handle test.counter.Counter")];
    let others = spans
        .iter()
        .filter(|span| span.name == "handle test.counter.Other");
    expected.extend(others);
    assert_eq!(expected.len(), 4, "{spans:?}");
    assert!(expected.iter().all(|span| span.parent == request.span));
    let mut expected: Vec<String> = expected
        .iter()
        .map(|span| format!("00-{TRACE}-{}-01", span.span))
        .collect();
    let mut told: Vec<&str> = commands
        .iter()
        .map(|command| header(command, "traceparent").unwrap())
        .collect();
    expected.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_a_crdt_waits_for_the_store_is_a_span() {
    let collector = Collector::start().await;
    let flags = [format!("--otlp-endpoint={}", collector.url())];
    let (user_function, mut opened, _) = Played::new(60_000);
    let proxy = Proxy::start(user_function, &settings(&flags))
        .await
        .unwrap();
    let address = proxy.address();
    let headers = traceparent("01");
    let answer =
        tokio::spawn(async move { post(address, "/test.room.Room/Change", &headers).await });
    let mut user = opened.recv().await.unwrap();
    user.init().await;
    let command = user.command().await;
    user.reply(change(command.id, "done", gset(&["x"])));
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stop = tokio::spawn(async move { proxy.stop().await });
    user.complete().await;
    stop.await.unwrap().unwrap();

    let spans = collector.spans();
    let handled = named(&spans, "handle test.room.Room");
    let parent = format!("00-{TRACE}-{}-01", handled.span);
    assert_eq!(header(&command, "traceparent"), Some(&*parent));
    for part in ["user function", "store"] {
        assert_eq!(named(&spans, part).parent, handled.span);
    }
}

#[tokio::test]
async fn what_is_logged_of_a_recorded_call_says_in_which_trace() {
    let (log, _ends) = Log::begin();
    let collector = Collector::start().await;
    let flags = [format!("--otlp-endpoint={}", collector.url())];
    let mut bench = Bench::of_commands(&flags, |command| {
        Out::Failure(Failure {
            command_id: command.id,
            description: "it broke".into(),
            restart: false,
        })
    })
    .await;
    for flags in ["01", "00"] {
        let answer = post(bench.proxy.address(), COUNTER, &traceparent(flags)).await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    }
    let recorded = bench.command().await;
    let parent = header(&recorded, "traceparent").unwrap();
    let span = parent.split('-').nth(2).unwrap();
    bench.proxy.stop().await.unwrap();

    let log = log.text();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("it broke"))
        .collect();
    let [recorded, not_recorded] = &lines[..] else {
        panic!("{log}")
    };
    let ids = format!("call{{trace_id={TRACE} span_id={span}}}");
    assert!(recorded.contains(&ids), "{recorded}");
    assert!(!not_recorded.contains("trace_id"), "{not_recorded}");
}
