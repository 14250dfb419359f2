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

    #[command_handler]
    fn recite(&self) {}

    #[event_handler]
    fn noted(&mut self, _event: pb::Note) {}
}

fn main() {}
