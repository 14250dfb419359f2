use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, one: pb::Note, _other: pb::Note) -> pb::Note {
        one
    }
}

fn main() {}
