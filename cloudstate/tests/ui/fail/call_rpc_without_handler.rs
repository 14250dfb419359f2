use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers]
impl Desk {
    fn helper(&self) {}

    #[call_handler]
    fn ask(&self, note: pb::Note) -> pb::Note {
        note
    }
}

fn main() {}
