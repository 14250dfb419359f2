use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, id: EntityId) -> pb::Note {
        pb::Note { text: id.to_string() }
    }
}

fn main() {}
