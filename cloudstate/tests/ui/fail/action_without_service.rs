use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(register = false)]
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
