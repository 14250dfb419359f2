//! What is logged while a command is handled says which trace it belongs to.

use std::{
    io,
    sync::{Arc, Mutex},
};

use cloudstate::protocol::cloudstate::{
    Command, Metadata, MetadataEntry,
    action::ActionCommand,
    eventsourced::{EventSourcedStreamIn, event_sourced_stream_in::Message as In},
    metadata_entry::Value,
};
use futures_util::SinkExt;
use tracing::{Dispatch, dispatcher};

use crate::{
    actions,
    conversation::{init, model_command, user_function},
    model,
};

const TRACED: &str = "command{trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7}";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What is logged by this thread goes here, until what is returned is dropped.
    fn begin() -> (Self, dispatcher::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, dispatcher::set_default(&Dispatch::new(subscriber)))
    }

    /// The one line with this text.
    fn line(&self, text: &str) -> String {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let mut lines = log.lines().filter(|line| line.contains(text));
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.into(),
            _ => panic!("{text}: {log}"),
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn metadata() -> Option<Metadata> {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let entry = |key: &str, value: &str| MetadataEntry {
        key: key.into(),
        value: Some(Value::StringValue(value.into())),
    };
    let entries = vec![entry("user-agent", "test"), entry("Traceparent", text)];
    Some(Metadata { entries })
}

#[tokio::test]
async fn an_entity_that_breaks_down_says_in_which_trace() {
    let (log, _ends) = Log::begin();
    for (metadata, is_traced) in [(metadata(), true), (None, false)] {
        let text = format!("boom {is_traced}");
        let panic = model::Action::Panic(model::Value { text: text.clone() });
        let command = Command {
            metadata,
            ..model_command(1, [panic])
        };
        let mut connection = user_function().event_sourced();
        for message in [init(None), In::Command(command)] {
            let message = Some(message);
            connection
                .send(EventSourcedStreamIn { message })
                .await
                .unwrap();
        }
        let line = log.line(&text);
        assert_eq!(line.contains(TRACED), is_traced, "{line}");
    }
    tracing::info!("done");
    assert!(!log.line("done").contains("trace_id"));
}

#[tokio::test]
async fn an_action_that_breaks_down_says_in_which_trace() {
    let (log, _ends) = Log::begin();
    let command = ActionCommand {
        metadata: metadata(),
        ..actions::command(actions::pb::Desk::Ask, "panic boom")
    };
    actions::user_function(actions::Desk::default())
        .action(command)
        .await
        .unwrap_err();
    let line = log.line("boom");
    assert!(line.contains(TRACED), "{line}");
}
