use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

#[handlers(part = 2)]
impl Desk {
    #[call_handler]
    fn chat(&self, notes: Incoming<pb::Note>) -> impl Stream<Item = pb::Note> {
        notes
    }
}

fn main() {}
