//! Presence: a guest is in the room for as long as the call lasts, and sees who comes and goes.
//!
//! The room is a replicated set. A server-streaming rpc of a CRDT entity answers whenever the set changes.

use cloudstate::{crdt::ORSet, prelude::*};

mod pb {
    cloudstate::include_proto!("com.example.presence");
}

/// The guests of a room.
#[crdt_entity(service = pb::Presence)]
#[derive(Default)]
struct Room {
    present: ORSet<String>,
}

#[handlers]
impl Room {
    #[command_handler]
    fn enter(
        room: &mut Context<Self>,
        visit: pb::Visit,
    ) -> Result<Streamed<Self, pb::Guests>, Failure> {
        let name = visit.guest;
        ensure!(!room.present.contains(&name), "{name} is here already");
        room.present.insert(name.clone());
        Ok(Streamed::reply(room.guests())
            .on_change(|room: &Self| room.guests())
            .on_cancel(move |room| {
                room.present.remove(&name);
            }))
    }

    #[command_handler]
    fn look(&self) -> pb::Guests {
        self.guests()
    }
}

impl Room {
    fn guests(&self) -> pb::Guests {
        let mut names: Vec<String> = self.present.iter().cloned().collect();
        names.sort();
        pb::Guests { names }
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
