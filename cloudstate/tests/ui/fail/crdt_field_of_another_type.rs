use cloudstate::prelude::*;

#[path = "../room.rs"]
mod pb;

#[crdt_entity(service = pb::Presence)]
#[derive(Default)]
struct Room {
    present: Vec<String>,
}

#[handlers(partial)]
impl Room {
    #[command_handler]
    fn look(&self) -> pb::Guests {
        pb::Guests::default()
    }
}

fn main() {}
