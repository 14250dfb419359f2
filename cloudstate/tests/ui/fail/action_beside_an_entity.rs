use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[event_sourced_entity(service = pb::Desk)]
#[derive(Default)]
struct Other;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

#[handlers(partial)]
impl Other {}

fn main() {}
