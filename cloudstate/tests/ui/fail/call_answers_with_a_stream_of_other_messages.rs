use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn chat(&self, _notes: Incoming<pb::Note>) -> impl Stream<Item = pb::Count> {
        futures_util::stream::empty()
    }
}

fn main() {}
