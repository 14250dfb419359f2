use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[event_sourced_entity(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

fn main() {}
