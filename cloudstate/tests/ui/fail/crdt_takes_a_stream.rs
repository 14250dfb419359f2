use cloudstate::{crdt::ORSet, prelude::*};

#[path = "../room.rs"]
mod pb;

#[crdt_entity(service = pb::Talk)]
#[derive(Default)]
struct Room {
    present: ORSet<String>,
}

#[handlers]
impl Room {
    #[command_handler]
    fn chat(&self) -> Streamed<Self, pb::Guests> {
        Streamed::none()
    }
}

fn main() {}
