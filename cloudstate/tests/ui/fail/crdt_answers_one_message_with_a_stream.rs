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
    fn look(&self) -> Streamed<Self, pb::Guests> {
        Streamed::none()
    }
}

fn main() {}
