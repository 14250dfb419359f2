use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    async fn recite(&self, note: pb::Note) -> pb::Note {
        note
    }
}

fn main() {}
