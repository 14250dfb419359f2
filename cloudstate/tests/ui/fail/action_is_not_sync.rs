use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk(std::cell::Cell<u64>);

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

fn main() {}
