use std::time::Duration;

use cloudstate::{Any, prelude::*};
use futures_util::{StreamExt, stream};

#[path = "../desk.rs"]
mod pb;

struct Busy;

impl From<Busy> for Failure {
    fn from(_: Busy) -> Self {
        Failure::new("come back later")
    }
}

/// Not registered by itself: it has no default.
#[action(service = pb::Desk, register = false)]
struct Desk {
    opening: Duration,
    lines: Vec<String>,
}

#[handlers]
impl Desk {
    #[call_handler]
    async fn ask(&self, metadata: Metadata, note: pb::Note) -> Result<MaybeReply<pb::Note>, Busy> {
        if self.opening.is_zero() {
            return Err(Busy);
        }
        let effect = SideEffect::to(pb::Mailroom::File, note.clone());
        Ok(match metadata.get("quiet") {
            Some(_) => MaybeReply::none().effect(effect),
            None => Reply::message(note).effect(effect).metadata(metadata),
        })
    }

    #[call_handler]
    async fn collect(mut notes: Incoming<pb::Note>) -> Result<pb::Count, Failure> {
        let mut count = pb::Count::default();
        while let Some(note) = notes.next().await {
            ensure!(!note.text.is_empty(), "an empty note");
            count.notes += 1;
        }
        Ok(count)
    }

    /// Borrows the action for as long as the stream lasts.
    #[call_handler(name = "Recite")]
    fn lines(&self) -> impl Stream<Item = pb::Note> {
        stream::iter(&self.lines).map(|text| pb::Note { text: text.clone() })
    }

    /// Begins late, may be refused, and its items are of several kinds.
    #[call_handler]
    async fn chat(
        &self,
        notes: Incoming<pb::Note>,
        event: Option<CloudEvent>,
    ) -> Result<impl Stream<Item = Result<Reply<pb::Note>, Failure>>, Failure> {
        ensure!(event.is_none(), "no events");
        Ok(notes.with_metadata().map(|(note, metadata)| match metadata.is_empty() {
            true => Ok(Reply::forward(Forward::to(pb::Mailroom::Post, note))),
            false => Err(Failure::new("too much")),
        }))
    }
}

/// Forwards items to rpcs of any shape.
#[action(extern_service = pb::Desk, register = false)]
struct Switchboard;

#[handlers(partial)]
impl Switchboard {
    #[call_handler]
    fn ask(note: pb::Note) -> Reply<pb::Note> {
        Reply::forward(Forward::to(pb::Mailroom::Post, note.clone()))
            .effect(SideEffect::to(pb::Desk::Collect, note.clone()))
            .effect(SideEffect::to(pb::Desk::Recite, note))
    }

    #[call_handler]
    fn recite(note: pb::Note) -> impl Stream<Item = Forward<pb::rpc::desk::Chat>> {
        stream::iter([Forward::to(pb::Desk::Chat, note)])
    }

    #[call_handler]
    fn chat(notes: Incoming<pb::Note>) -> impl Stream<Item = Forward<pb::rpc::mailroom::Post>> {
        notes.map(|note| Forward::to(pb::Mailroom::Post, note))
    }
}

#[action(service = pb::Mailroom)]
#[derive(Default)]
struct Mailroom;

#[handlers]
impl Mailroom {
    #[call_handler]
    fn post(&self, note: pb::Note) -> pb::Note {
        note
    }

    #[call_handler]
    fn file() {}

    #[call_handler]
    async fn sort(&self, event: Any) {
        drop(event);
    }
}

fn main() {
    let desk = Desk {
        opening: Duration::from_secs(1),
        lines: vec!["one".to_owned()],
    };
    let user_function = cloudstate::Cloudstate::registered()
        .register_action(desk)
        .into_user_function()
        .unwrap();
    assert_eq!(user_function.spec().entities.len(), 2);
}
