use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> Reply<pb::Note> {
        Reply::forward(Forward::to(pb::Desk::Chat, note))
    }
}

fn main() {}
