use cloudstate::{crdt::ORSet, prelude::*};

#[path = "../room.rs"]
mod pb;

#[crdt_entity(service = pb::Presence)]
#[derive(Default)]
struct Room {
    present: ORSet<String>,
}

#[handlers(partial)]
impl Room {
    #[event_handler]
    fn left(&mut self, visit: pb::Visit) {
        self.present.remove(&visit.guest);
    }
}

fn main() {}
