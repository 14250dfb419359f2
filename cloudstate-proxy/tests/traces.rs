//! A collector reads of a call what became of it, below the caller's own span; the user function is told where it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "traces/collector.rs"]
mod collector;
#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/scripted.rs"]
#[allow(dead_code, reason = "not every test program uses all of it")]
mod scripted;

use std::sync::Arc;

use clap::Parser;
use cloudstate_protocol::cloudstate::{
    Command,
    eventsourced::{
        event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
    },
    metadata_entry::Value,
};
use cloudstate_proxy::{Proxy, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use collector::{Collected, Collector};
use scripted::{Say, Scripted, Seen, reply};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

struct Bench {
    proxy: Proxy,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Bench {
    async fn new(flags: &[String]) -> Self {
        let arguments = [
            "test",
            "--http-port=0",
            "--metrics-port=off",
            "--store=memory",
        ]
        .map(str::to_owned);
        let (user_function, seen) = Scripted::new(60_000, |message| match message {
            In::Command(command) => {
                Say::Message(Out::Reply(reply(command, "done", &["something"])))
            }
            In::Init(_) | In::Event(_) => Say::Nothing,
        });
        let settings = Arguments::parse_from(arguments.iter().chain(flags)).settings;
        let proxy = Proxy::start(user_function, &settings).await.unwrap();
        Self { proxy, seen }
    }

    /// Calls with these headers, and gives the command that the user function got.
    async fn call(&mut self, headers: &str) -> Command {
        let mut connection = TcpStream::connect(self.proxy.address()).await.unwrap();
        let body = r#"{"id": "a", "text": "one"}"#;
        let request = format!(
            "POST /test.counter.Counter/Add HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
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
