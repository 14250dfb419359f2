use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn recite(&self) -> impl Stream<Item = pb::Note> {
        futures_util::stream::empty()
    }
}

fn main() {}
