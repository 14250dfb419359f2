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
    #[command_handler]
    fn leave(room: &mut Context<Self>, visit: pb::Visit) {
        room.emit(visit);
    }
}

fn main() {}
