use cloudstate::{crdt::GSet, prelude::*};

#[path = "../room.rs"]
mod pb;

#[crdt_entity(service = pb::Presence)]
#[derive(Default)]
struct Room {
    visitors: GSet<String>,
}

#[handlers(partial)]
impl Room {
    #[command_handler]
    fn leave(room: &mut Context<Self>, visit: pb::Visit) {
        room.visitors.remove(&visit.guest);
    }
}

fn main() {}
