use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[command_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

fn main() {}
