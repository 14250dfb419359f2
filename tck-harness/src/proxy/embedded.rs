//! A service in one process with its proxy: what they say to each other passes through no socket, and is listened to
//! all the same.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo,
    action::{ActionCommand, ActionResponse},
};
use cloudstate_proxy::{
    Proxy, Settings,
    store::StoreLocation,
    user_function::{
        ActionCall, ActionCommands, ActionResponses, Connection, CrdtConnection, Duplex,
        EventSourcedConnection, UserFunction, UserFunctionError, ValueEntityConnection,
    },
};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, future::BoxFuture};
use prost::Message;
use tokio::sync::mpsc;
use tonic::Status;

use super::recording::{DISCOVER, Recorder, Reports};
use crate::reader::Event;

/// Starts a proxy that has this user function in its own process, on a free port and without a file.
///
/// # Errors
/// As [`Proxy::start`].
pub(super) async fn start(
    user_function: Arc<dyn UserFunction>,
    recorder: Recorder,
) -> Result<Proxy, cloudstate_proxy::StartError> {
    let settings = Settings {
        http_port: 0,
        store: Some(StoreLocation::Memory),
        ..Settings::default()
    };
    let overheard = Overheard {
        reports: recorder.reports(),
        user_function,
        recorder,
    };
    Proxy::start(Arc::new(overheard), &settings).await
}

/// A user function that does what another one does, and writes it down.
#[derive(Debug)]
struct Overheard {
    user_function: Arc<dyn UserFunction>,
    recorder: Recorder,
    reports: Reports,
}

impl UserFunction for Overheard {
    fn discover(&self, proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        async move {
            let (there, mut back) = tapes(&self.recorder, DISCOVER).await;
            there.only(&proxy);
            let spec = self.user_function.discover(proxy).await;
            back.answer(&spec);
            spec
        }
        .boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        self.reports.push(message.clone());
        self.user_function.report_error(message)
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        async {
            let opened = self.user_function.event_sourced().await?;
            let path = "/cloudstate.eventsourced.EventSourced/handle";
            Ok(listen(&self.recorder, path, opened).await)
        }
        .boxed()
    }

    fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
        async {
            let opened = self.user_function.value_entity().await?;
            let path = "/cloudstate.valueentity.ValueEntity/handle";
            Ok(listen(&self.recorder, path, opened).await)
        }
        .boxed()
    }

    fn crdt(&self) -> BoxFuture<'_, Result<CrdtConnection, UserFunctionError>> {
        async {
            let opened = self.user_function.crdt().await?;
            Ok(listen(&self.recorder, "/cloudstate.crdt.Crdt/handle", opened).await)
        }
        .boxed()
    }

    fn action(&self, command: ActionCommand) -> ActionCall {
        let (user_function, recorder) = self.both();
        async move {
            let path = "/cloudstate.action.ActionProtocol/handleUnary";
            let (there, mut back) = tapes(&recorder, path).await;
            there.only(&command);
            let response = user_function.action(command).await;
            back.answer(&response);
            response
        }
        .boxed()
    }

    fn action_streamed_in(&self, commands: ActionCommands) -> ActionCall {
        let (user_function, recorder) = self.both();
        async move {
            let path = "/cloudstate.action.ActionProtocol/handleStreamedIn";
            let (there, mut back) = tapes(&recorder, path).await;
            let commands = spoken(commands, there).boxed();
            let response = user_function.action_streamed_in(commands).await;
            back.answer(&response);
            response
        }
        .boxed()
    }

    fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
        let (user_function, recorder) = self.both();
        async move {
            let path = "/cloudstate.action.ActionProtocol/handleStreamedOut";
            let (there, back) = tapes(&recorder, path).await;
            there.only(&command);
            answered(user_function.action_streamed_out(command), back)
        }
        .flatten_stream()
        .boxed()
    }

    fn action_streamed(&self, commands: ActionCommands) -> ActionResponses {
        let (user_function, recorder) = self.both();
        async move {
            let path = "/cloudstate.action.ActionProtocol/handleStreamed";
            let (there, back) = tapes(&recorder, path).await;
            let commands = spoken(commands, there).boxed();
            answered(user_function.action_streamed(commands), back)
        }
        .flatten_stream()
        .boxed()
    }

    /// As it is for a remote one: the cases compare whole messages.
    fn wants_metadata(&self) -> bool {
        false
    }
}

impl Overheard {
    fn both(&self) -> (Arc<dyn UserFunction>, Recorder) {
        (Arc::clone(&self.user_function), self.recorder.clone())
    }
}

/// One direction of a call. Dropped before its end, it is cancelled.
#[derive(Debug)]
struct Tape {
    /// None once the end is written down.
    events: Option<mpsc::UnboundedSender<Event>>,
}

/// The directions of a new call: there, and back.
///
/// Nothing here waits for a case to read, as little as the two that talk do. What is kept until then is bounded by what
/// the cases say.
async fn tapes(recorder: &Recorder, path: &str) -> (Tape, Tape) {
    let (there, back) = recorder.call(path).await;
    (Tape::new(there), Tape::new(back))
}

impl Tape {
    fn new(reader: mpsc::Sender<Event>) -> Self {
        let (events, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = waiting.recv().await {
                if reader.send(event).await.is_err() {
                    break;
                }
            }
        });
        let events = Some(events);
        Self { events }
    }

    fn message(&self, message: &impl Message) {
        if let Some(events) = &self.events {
            // Of no interest once the case has ended.
            let _ = events.send(Event::Message(message.encode_to_vec().into()));
        }
    }

    fn end(&mut self, end: Event) {
        if let Some(events) = self.events.take() {
            let _ = events.send(end);
        }
    }

    /// One message, and nothing behind it.
    fn only(mut self, message: &impl Message) {
        self.message(message);
        self.end(Event::Completed);
    }

    /// The end of a call with one response.
    fn answer(&mut self, answer: &Result<impl Message, UserFunctionError>) {
        match answer {
            Ok(message) => {
                self.message(message);
                self.end(Event::Completed);
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: &UserFunctionError) {
        self.end(Event::Failed(Status::unknown(error.to_string())));
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.end(Event::Failed(Status::cancelled("the call was given up")));
    }
}

/// What a client streams in.
fn spoken(commands: ActionCommands, mut there: Tape) -> impl Stream<Item = ActionCommand> + Send {
    let end = futures_util::stream::once(async { None });
    let commands = commands.map(Some).chain(end);
    commands.filter_map(move |command| {
        match &command {
            Some(command) => there.message(command),
            None => there.end(Event::Completed),
        }
        async { command }
    })
}

/// What an action streams out.
fn answered(
    responses: ActionResponses,
    mut back: Tape,
) -> impl Stream<Item = Result<ActionResponse, UserFunctionError>> + Send {
    let end = futures_util::stream::once(async { None });
    let responses = responses.map(Some).chain(end);
    responses.filter_map(move |response| {
        match &response {
            Some(Ok(response)) => back.message(response),
            Some(Err(error)) => back.fail(error),
            None => back.end(Event::Completed),
        }
        async { response }
    })
}

/// The stream of an entity, with both directions written down.
struct Listening<In, Out> {
    connection: Connection<In, Out>,
    there: Tape,
    back: Tape,
}

async fn listen<In, Out>(
    recorder: &Recorder,
    path: &str,
    connection: Connection<In, Out>,
) -> Connection<In, Out>
where
    In: Message + 'static,
    Out: Message + 'static,
{
    let (there, back) = tapes(recorder, path).await;
    Box::pin(Listening {
        connection,
        there,
        back,
    })
}

impl<In: Message, Out: Message> Duplex<In, Out> for Listening<In, Out> {
    fn commands_ahead(&self) -> usize {
        self.connection.commands_ahead()
    }
}

impl<In: Message, Out> Sink<In> for Listening<In, Out> {
    type Error = UserFunctionError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: In) -> Result<(), Self::Error> {
        self.there.message(&message);
        self.connection.start_send_unpin(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.there.end(Event::Completed);
        self.connection.poll_close_unpin(cx)
    }
}

impl<In, Out: Message> Stream for Listening<In, Out> {
    type Item = Result<Out, UserFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.connection.poll_next_unpin(cx);
        match &next {
            Poll::Ready(Some(Ok(message))) => self.back.message(message),
            Poll::Ready(Some(Err(error))) => self.back.fail(error),
            Poll::Ready(None) => self.back.end(Event::Completed),
            Poll::Pending => {}
        }
        next
    }
}
