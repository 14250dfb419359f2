//! Actions, called as a proxy calls them: in process, and over the network.

mod breakdowns;
#[cfg(feature = "embedded")]
mod embedded;
mod flow;
mod responses;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cloudstate::{
    Any, Cloudstate, Rpc, Service, UserFunction,
    prelude::*,
    protocol::cloudstate::{
        self as wire,
        action::{
            ActionCommand, ActionResponse, action_protocol_client::ActionProtocolClient,
            action_response::Response,
        },
    },
};
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use prost::Message;
use tokio::sync::mpsc;
use tonic::{Status, transport::Channel};

use crate::conversation::connect;

pub(crate) mod pb {
    include!("../ui/desk.rs");
}

/// Does what notes say: steps between semicolons, of which the last answer counts.
///
/// `say x`, `refuse x`, `forward x`, `effect x`, `wait x` (a synchronous effect), `panic x`; anything else is no answer.
#[action(service = pb::Desk, register = false)]
#[derive(Clone, Default)]
pub(crate) struct Desk {
    /// Answers given by streaming handlers.
    given: Arc<AtomicUsize>,
    /// Shared by whatever a handler keeps while it runs.
    alive: Arc<()>,
}

#[handlers]
impl Desk {
    #[call_handler]
    async fn ask(&self, note: pb::Note, metadata: Metadata) -> MaybeReply<pb::Note> {
        let _alive = Arc::clone(&self.alive);
        if note.text == "hang" {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        match metadata.get("echo") {
            Some(echo) => {
                let mut back = Metadata::new();
                back.append("echoed", echo);
                perform(&note.text).metadata(back)
            }
            None => perform(&note.text),
        }
    }

    #[call_handler]
    async fn collect(&self, mut notes: Incoming<pb::Note>) -> Result<pb::Count, Failure> {
        let _alive = Arc::clone(&self.alive);
        let mut count = pb::Count::default();
        while let Some(note) = notes.next().await {
            if note.text == "hang" {
                std::future::pending::<()>().await;
            }
            ensure!(note.text != "stop", "stopped at note {}", count.notes + 1);
            assert_ne!(note.text, "panic boom", "boom");
            count.notes += 1;
        }
        Ok(count)
    }

    /// One answer per line; `for ever` has no end.
    #[call_handler]
    fn recite(
        &self,
        note: pb::Note,
    ) -> Result<impl Stream<Item = MaybeReply<pb::Note>> + use<'_>, Failure> {
        ensure!(!note.text.is_empty(), "nothing to recite");
        let alive = Arc::clone(&self.alive);
        let endless = note.text == "for ever";
        let lines: Vec<String> = note.text.lines().map(String::from).collect();
        let lines = stream::iter(lines.into_iter().cycle().enumerate());
        let count = note.text.lines().count();
        Ok(lines
            .take_while(move |(line, _)| std::future::ready(endless || *line < count))
            .map(move |(_, line)| {
                let _alive = &alive;
                self.given.fetch_add(1, Ordering::SeqCst);
                if endless {
                    let text = "x".repeat(64 << 10);
                    return Reply::message(pb::Note { text });
                }
                perform(&line)
            }))
    }

    /// One answer per line of each note, as it comes.
    #[call_handler]
    fn chat(
        &self,
        notes: Incoming<pb::Note>,
        metadata: Metadata,
    ) -> impl Stream<Item = MaybeReply<pb::Note>> + use<> {
        let alive = Arc::clone(&self.alive);
        let greeting = metadata.get("greeting").map(String::from);
        let greeting = stream::iter(greeting.map(|text| Reply::message(pb::Note { text })));
        greeting.chain(
            notes
                .with_metadata()
                .map(move |(note, beside)| {
                    let _alive = &alive;
                    let prefix = beside.get("prefix").unwrap_or_default();
                    let answers: Vec<_> = note
                        .text
                        .lines()
                        .map(|line| perform(&line.replace("say ", &format!("say {prefix}"))))
                        .collect();
                    stream::iter(answers)
                })
                .flatten(),
        )
    }
}

fn perform(text: &str) -> MaybeReply<pb::Note> {
    let mut reply = MaybeReply::none();
    let mut effects = Vec::new();
    for step in text.split("; ") {
        let (verb, text) = step.split_once(' ').unwrap_or((step, ""));
        let text = text.to_owned();
        match verb {
            "say" => reply = Reply::message(pb::Note { text }),
            "refuse" => reply = Reply::failure(text),
            "forward" => {
                reply = Reply::forward(Forward::to(pb::Mailroom::Post, pb::Note { text }));
            }
            "effect" => effects.push(SideEffect::to(pb::Mailroom::File, pb::Note { text })),
            "wait" => {
                let effect = SideEffect::to(pb::Mailroom::File, pb::Note { text });
                effects.push(effect.synchronous());
            }
            "panic" => panic!("{text}"),
            _ => {}
        }
    }
    effects.into_iter().fold(reply, MaybeReply::effect)
}

/// The target of forwards and effects, and a subscriber of events.
#[action(service = pb::Mailroom)]
#[derive(Default)]
struct Mailroom;

#[handlers]
impl Mailroom {
    #[call_handler]
    fn post(&self, note: pb::Note, event: Option<CloudEvent>) -> Reply<pb::Note> {
        let Some(event) = event else {
            return Reply::message(note);
        };
        let subject = event.subject.clone().unwrap_or_default();
        let answer = CloudEvent {
            subject: Some("answer".into()),
            ..CloudEvent::new("2", "/mailroom", event.event_type)
        };
        Reply::message(pb::Note { text: subject }).metadata(answer.into())
    }

    #[call_handler]
    fn file(_note: pb::Note) {}

    #[call_handler(name = "Sort")]
    async fn any_event(&self, event: Any) -> Result<(), Failure> {
        Err(Failure::new(format!(
            "{} {}",
            event.type_url,
            event.value.len()
        )))
    }
}

/// Who calls, and what is to be seen of the action beside its answers.
#[derive(Clone)]
struct Caller {
    link: Link,
    desk: Desk,
}

#[derive(Clone)]
enum Link {
    InProcess(UserFunction),
    Network(ActionProtocolClient<Channel>),
}

impl Caller {
    fn in_process() -> Self {
        let desk = Desk::default();
        let link = Link::InProcess(user_function(desk.clone()));
        Self { link, desk }
    }

    async fn over_network() -> Self {
        let desk = Desk::default();
        let channel = connect(user_function(desk.clone())).await;
        let link = Link::Network(ActionProtocolClient::new(channel));
        Self { link, desk }
    }

    async fn one(&self, command: ActionCommand) -> Result<ActionResponse, Status> {
        match self.link.clone() {
            Link::InProcess(user_function) => Ok(user_function.action(command).await?),
            Link::Network(mut client) => Ok(client.handle_unary(command).await?.into_inner()),
        }
    }

    async fn streamed_in(
        &self,
        commands: impl Stream<Item = ActionCommand> + Send + 'static,
    ) -> Result<ActionResponse, Status> {
        match self.link.clone() {
            Link::InProcess(user_function) => {
                Ok(user_function.action_streamed_in(commands).await?)
            }
            Link::Network(mut client) => {
                Ok(client.handle_streamed_in(commands).await?.into_inner())
            }
        }
    }

    async fn streamed_out(&self, command: ActionCommand) -> Responses {
        match self.link.clone() {
            Link::InProcess(user_function) => {
                let responses = user_function.action_streamed_out(command);
                responses.map_err(Status::from).boxed()
            }
            Link::Network(mut client) => match client.handle_streamed_out(command).await {
                Ok(responses) => responses.into_inner().boxed(),
                Err(status) => stream::iter([Err(status)]).boxed(),
            },
        }
    }

    async fn streamed(
        &self,
        commands: impl Stream<Item = ActionCommand> + Send + 'static,
    ) -> Responses {
        match self.link.clone() {
            Link::InProcess(user_function) => {
                let responses = user_function.action_streamed(commands);
                responses.map_err(Status::from).boxed()
            }
            Link::Network(mut client) => match client.handle_streamed(commands).await {
                Ok(responses) => responses.into_inner().boxed(),
                Err(status) => stream::iter([Err(status)]).boxed(),
            },
        }
    }

    /// A call that streams both ways, one message at a time.
    async fn chat(&self) -> Chat {
        let (notes, received) = mpsc::unbounded_channel();
        let commands = tokio_stream::wrappers::UnboundedReceiverStream::new(received);
        notes.send(first(pb::Desk::Chat)).unwrap();
        Chat {
            responses: self.streamed(commands).await,
            notes: Some(notes),
        }
    }
}

struct Chat {
    notes: Option<mpsc::UnboundedSender<ActionCommand>>,
    responses: Responses,
}

impl Chat {
    fn send(&self, text: &str) {
        self.notes.as_ref().unwrap().send(note(text)).unwrap();
    }

    async fn next(&mut self) -> Option<Result<ActionResponse, Status>> {
        self.responses.next().await
    }

    async fn exchange(&mut self, text: &str, expected: ActionResponse) {
        self.send(text);
        assert_eq!(self.next().await.unwrap().unwrap(), expected);
    }

    async fn end(mut self) {
        self.notes = None;
        assert!(self.next().await.is_none());
    }
}

type Responses = BoxStream<'static, Result<ActionResponse, Status>>;

/// How many handlers hold on to the desk's token, beside the desks themselves.
fn kept(caller: &Caller) -> usize {
    Arc::strong_count(&caller.desk.alive)
}

/// Runs a test in process, then over the network.
async fn both_ways(test: impl AsyncFn(Caller)) {
    test(Caller::in_process()).await;
    test(Caller::over_network().await).await;
}

pub(crate) fn user_function(desk: Desk) -> UserFunction {
    Cloudstate::new()
        .register_action(desk)
        .register_action(Mailroom)
        .into_user_function()
        .unwrap()
}

/// A call with one message.
pub(crate) fn command<R: Rpc>(rpc: R, text: &str) -> ActionCommand {
    ActionCommand {
        payload: note(text).payload,
        ..first(rpc)
    }
}

/// The first message of a call with several.
fn first<R: Rpc>(_rpc: R) -> ActionCommand {
    ActionCommand {
        service_name: R::Service::NAME.into(),
        name: R::NAME.into(),
        payload: None,
        metadata: None,
    }
}

/// One of the later messages.
fn note(text: &str) -> ActionCommand {
    let text = text.to_owned();
    ActionCommand {
        payload: Some(Any::pack(&pb::Note { text })),
        ..ActionCommand::default()
    }
}

fn entry(key: &str, value: &str) -> wire::MetadataEntry {
    wire::MetadataEntry {
        key: key.into(),
        value: Some(wire::metadata_entry::Value::StringValue(value.into())),
    }
}

fn metadata(entries: &[(&str, &str)]) -> Option<wire::Metadata> {
    let entries = entries.iter().map(|(key, value)| entry(key, value));
    Some(wire::Metadata {
        entries: entries.collect(),
    })
}

fn said(text: &str) -> ActionResponse {
    response(Some(Response::Reply(wire::Reply {
        payload: note(text).payload,
        metadata: None,
    })))
}

fn counted(notes: u64) -> ActionResponse {
    response(Some(Response::Reply(wire::Reply {
        payload: Some(Any::pack(&pb::Count { notes })),
        metadata: None,
    })))
}

fn refused(text: &str) -> ActionResponse {
    response(Some(Response::Failure(wire::Failure {
        command_id: 0,
        description: text.into(),
        restart: false,
    })))
}

fn forwarded(text: &str) -> ActionResponse {
    response(Some(Response::Forward(wire::Forward {
        service_name: "desk.Mailroom".into(),
        command_name: "Post".into(),
        payload: note(text).payload,
        metadata: None,
    })))
}

fn response(response: Option<Response>) -> ActionResponse {
    ActionResponse {
        response,
        side_effects: Vec::new(),
    }
}

/// With these effects, of which those with a `!` in front are synchronous.
fn effects(mut response: ActionResponse, effects: &[&str]) -> ActionResponse {
    let effects = effects.iter().map(|text| {
        let (text, synchronous) = match text.strip_prefix('!') {
            Some(text) => (text, true),
            None => (*text, false),
        };
        wire::SideEffect {
            service_name: "desk.Mailroom".into(),
            command_name: "File".into(),
            payload: note(text).payload,
            synchronous,
            metadata: None,
        }
    });
    response.side_effects = effects.collect();
    response
}

/// A payload that is not a note.
fn garbled() -> Option<Any> {
    Some(Any {
        type_url: "type.googleapis.com/desk.Note".into(),
        value: vec![0x0a, 0x7f].into(),
    })
}

fn encoded(text: &str) -> Vec<u8> {
    let text = text.to_owned();
    pb::Note { text }.encode_to_vec()
}
