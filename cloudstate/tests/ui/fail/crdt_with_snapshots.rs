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
    #[snapshot]
    fn save(&self) -> pb::Guests {
        pb::Guests::default()
    }

    #[snapshot_handler]
    fn restore(&mut self, _saved: pb::Guests) {}
}

fn main() {}
