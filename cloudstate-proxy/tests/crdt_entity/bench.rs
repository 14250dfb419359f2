//! A router around a user function that the test plays, and what one asks of it.

use std::sync::Arc;

use clap::Parser;
use cloudstate_proxy::{
    Metrics, Settings,
    call::{Answer, Call, CallError},
    catalog::Catalog,
    router::{Answers, Router},
    store::{MemoryStore, Store},
};
use futures_util::StreamExt;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::user_side::{Played, SOON, UserSide, field};

pub(crate) struct Bench {
    pub(crate) router: Router,
    opened: mpsc::UnboundedReceiver<UserSide>,
    reported: mpsc::UnboundedReceiver<String>,
}

/// The streams that a proxy opens.
pub(crate) struct Streams(mpsc::UnboundedReceiver<UserSide>);

impl Streams {
    /// Has each stream played in a task of its own.
    pub(crate) async fn play<F: Future<Output = ()> + Send + 'static>(
        mut self,
        play: impl Fn(UserSide) -> F,
    ) {
        while let Some(user) = self.0.recv().await {
            tokio::spawn(play(user));
        }
    }
}

/// A call in progress.
pub(crate) struct Calling(JoinHandle<Result<String, CallError>>);

/// A client that reads a stream.
pub(crate) struct Watching(Answers);

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
    pub(crate) fn new() -> Self {
        Self::with(
            60_000,
            &[],
            &(Arc::new(MemoryStore::new()) as Arc<dyn Store>),
        )
    }

    pub(crate) fn of_store(store: &Arc<dyn Store>) -> Self {
        Self::with(60_000, &[], store)
    }

    /// `passivate_after` is in milliseconds.
    pub(crate) fn with(passivate_after: i64, flags: &[&str], store: &Arc<dyn Store>) -> Self {
        let settings = settings(flags);
        let (user_function, opened, reported) = Played::new(passivate_after);
        let catalog = Catalog::new(user_function.spec()).unwrap();
        Self {
            router: Router::new(catalog, user_function, store, &settings, Metrics::default()),
            opened,
            reported,
        }
    }

    /// The bench without its streams, which somebody else plays.
    pub(crate) fn split(self) -> (Self, Streams) {
        let (_, none) = mpsc::unbounded_channel();
        let streams = Streams(self.opened);
        (
            Self {
                opened: none,
                ..self
            },
            streams,
        )
    }

    /// The next stream that the proxy opens.
    pub(crate) async fn opened(&mut self) -> UserSide {
        timeout(SOON, self.opened.recv())
            .await
            .expect("a stream is opened soon")
            .unwrap()
    }

    /// The next stream, started for an entity of which nothing is known.
    pub(crate) async fn started(&mut self) -> UserSide {
        let mut user = self.opened().await;
        assert_eq!(user.init().await.1, None);
        user
    }

    /// Asserts that no other stream has been opened.
    pub(crate) fn nothing_opened(&mut self) {
        assert!(self.opened.try_recv().is_err());
    }

    /// The next error that the user function is told of.
    pub(crate) async fn reported(&mut self) -> String {
        timeout(SOON, self.reported.recv())
            .await
            .expect("an error is reported soon")
            .unwrap()
    }

    fn call_of(&self, method: &str, id: &str, text: &str) -> Call {
        let method = self.router.catalog().method("test.room.Room", method);
        Call::new(
            Arc::clone(method.unwrap()),
            [field(1, id), field(2, text)].concat().into(),
            None,
        )
    }

    /// Calls `Room/Change`.
    pub(crate) fn change(&self, id: &str, text: &str) -> Calling {
        let (router, call) = (self.router.clone(), self.call_of("Change", id, text));
        Calling(tokio::spawn(async move {
            let answer = router.call(call).await?;
            Ok(text_of(&answer.expect("a message")))
        }))
    }

    /// Calls `Room/Watch`.
    pub(crate) fn watch(&self, id: &str) -> Watching {
        Watching(self.router.answers(self.call_of("Watch", id, "")))
    }
}

impl Calling {
    pub(crate) async fn result(self) -> Result<String, CallError> {
        timeout(SOON, self.0)
            .await
            .expect("an answer comes soon")
            .unwrap()
    }

    /// The response's text.
    pub(crate) async fn text(self) -> String {
        self.result().await.unwrap()
    }

    pub(crate) async fn error(self) -> CallError {
        self.result().await.unwrap_err()
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.0.is_finished()
    }
}

impl Watching {
    /// The next message's text; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Result<String, CallError>> {
        let next = timeout(SOON, self.0.next())
            .await
            .expect("a message comes soon")?;
        Some(next.map(|answer| answer.as_ref().map_or_else(String::new, text_of)))
    }

    pub(crate) async fn text(&mut self) -> String {
        self.next().await.expect("the stream goes on").unwrap()
    }

    pub(crate) async fn error(&mut self) -> CallError {
        self.next().await.expect("the stream goes on").unwrap_err()
    }

    /// Sends the call, and waits until there is an answer or the other side is done.
    pub(crate) async fn poll_while<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            next = self.next() => panic!("{next:?} before it was time"),
            result = other => result,
        }
    }
}

/// The text of the request that a command carries.
pub(crate) fn text_of_request(payload: &[u8]) -> String {
    let id_len = usize::from(payload[1]);
    let text = payload.get(4 + id_len..).unwrap_or_default();
    String::from_utf8(text.to_vec()).unwrap()
}

fn text_of(answer: &Answer) -> String {
    String::from_utf8(answer.payload.get(2..).unwrap_or_default().to_vec()).unwrap()
}
