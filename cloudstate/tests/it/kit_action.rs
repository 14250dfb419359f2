//! The test kit of actions, with a handler of each shape.

use cloudstate::{prelude::*, testing::ActionTest};
use futures_util::{Stream, StreamExt, stream};

mod pb {
    include!("../ui/desk.rs");
}

#[action(service = pb::Desk, register = false)]
struct Desk {
    name: &'static str,
}

#[handlers]
impl Desk {
    #[call_handler]
    async fn ask(&self, note: pb::Note, metadata: Metadata) -> Result<Reply<pb::Note>, Failure> {
        assert_ne!(note.text, "bomb", "no bombs");
        ensure!(!note.text.is_empty(), "{} hears nothing", self.name);
        tokio::task::yield_now().await;
        let reply = match metadata.get("to") {
            Some("mailroom") => Reply::forward(Forward::to(pb::Mailroom::Post, note.clone())),
            _ => Reply::message(pb::Note {
                text: format!("{}: {}", self.name, note.text),
            }),
        };
        Ok(reply.effect(SideEffect::to(pb::Mailroom::File, note).synchronous()))
    }

    #[call_handler]
    async fn collect(&self, notes: Incoming<pb::Note>) -> pb::Count {
        let notes = notes.count().await as u64;
        pb::Count { notes }
    }

    #[call_handler]
    fn recite(&self, note: pb::Note) -> impl Stream<Item = Result<pb::Note, Failure>> + use<> {
        let words: Vec<_> = note.text.split(' ').map(str::to_owned).collect();
        stream::iter(words).map(|text| {
            ensure!(text != "hush", "not that word");
            Ok(pb::Note { text })
        })
    }

    #[call_handler]
    fn chat(&self, notes: Incoming<pb::Note>) -> impl Stream<Item = pb::Note> + use<> {
        let name = self.name;
        notes.map(move |note| pb::Note {
            text: format!("{name}: {}", note.text),
        })
    }
}

fn note(text: &str) -> pb::Note {
    pb::Note { text: text.into() }
}

fn desk() -> ActionTest<Desk> {
    ActionTest::new(Desk { name: "desk" })
}

#[tokio::test]
async fn one_request_has_one_answer() {
    let desk = desk();
    let answer = desk.call(pb::Desk::Ask, note("who?")).await;
    assert_eq!(answer.reply(), &note("desk: who?"));
    let [effect] = answer.effects() else {
        panic!("one effect");
    };
    assert_eq!(effect.request(pb::Mailroom::File), note("who?"));
    assert!(effect.is_synchronous());

    let answer = desk.call(pb::Desk::Ask, note("")).await;
    assert_eq!(answer.failure(), "desk hears nothing");
    let answer = desk.call(pb::Desk::Ask, note("bomb")).await;
    assert!(answer.defect().contains("no bombs"));

    let mut metadata = Metadata::new();
    metadata.append("to", "mailroom");
    let answer = desk.metadata(metadata).call(pb::Desk::Ask, note("x")).await;
    assert_eq!(answer.forward(pb::Mailroom::Post), note("x"));
}

#[tokio::test]
async fn streams_go_in_and_come_out() {
    let desk = desk();
    let notes = stream::iter(["a", "b", "c"].map(note));
    let answer = desk
        .call_with_stream(pb::Desk::Collect, notes.clone())
        .await;
    assert_eq!(answer.reply().notes, 3);

    let mut answers = desk.stream(pb::Desk::Recite, note("to be hush"));
    assert_eq!(answers.next().await.unwrap().reply(), &note("to"));
    let rest = answers.all().await;
    assert_eq!(rest[0].reply(), &note("be"));
    assert_eq!(rest[1].failure(), "not that word");
    assert_eq!(rest.len(), 2);

    let answers = desk.stream_with_stream(pb::Desk::Chat, notes).all().await;
    let texts: Vec<_> = answers.iter().map(|answer| &*answer.reply().text).collect();
    assert_eq!(texts, ["desk: a", "desk: b", "desk: c"]);
}
