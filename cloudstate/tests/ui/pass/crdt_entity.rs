use cloudstate::{
    Cloudstate, CrdtEntity, Entity,
    crdt::{AnyCrdt, CrdtType, ORMap, ORSet, PNCounter},
    prelude::*,
};

#[path = "../room.rs"]
mod pb;

/// The only field needs no attribute.
#[crdt_entity(service = pb::Presence, passivate_after = "100ms")]
#[derive(Default)]
struct Room {
    present: ORSet<String>,
}

#[handlers]
impl Room {
    #[command_handler]
    fn enter(room: &mut Context<Self>, visit: pb::Visit) -> Streamed<Self, pb::Guests> {
        room.present.insert(visit.guest.clone());
        Streamed::reply(room.guests())
            .on_change(|room: &Self| Next::message(room.guests()).end_if(room.present.is_empty()))
            .on_cancel(move |room: &mut Context<Self>| {
                room.present.remove(&visit.guest);
            })
    }

    #[command_handler]
    fn leave(room: &mut Context<Self>, visit: pb::Visit) -> Result<MaybeReply<()>, Failure> {
        ensure!(!visit.guest.is_empty(), "who leaves?");
        room.write_consistency(WriteConsistency::Majority);
        room.present.remove(&visit.guest);
        if room.present.is_empty() {
            room.delete();
        }
        Ok(MaybeReply::none())
    }

    #[command_handler]
    fn look(&self) -> pb::Guests {
        self.guests()
    }
}

impl Room {
    fn guests(&self) -> pb::Guests {
        let names = self.present.iter().cloned().collect();
        pb::Guests { names }
    }
}

mod others {
    use super::*;

    mod pb {
        include!("../room.rs");
    }

    /// One of several fields, by a path, and what is created with the entity.
    #[crdt_entity(service = pb::Presence, persistence_id = "counts", init = Counts::new)]
    pub(super) struct Counts {
        pub(super) id: EntityId,
        #[cloudstate::crdt]
        counts: ORMap<String, PNCounter>,
    }

    impl Counts {
        fn new(id: &EntityId) -> Self {
            Self {
                id: id.clone(),
                counts: ORMap::default(),
            }
        }
    }

    #[handlers(partial)]
    impl Counts {
        #[command_handler]
        fn look(counts: &mut Context<Self>, visit: pb::Visit) -> pb::Guests {
            counts.counts.get_or_default(visit.guest).increment(1);
            pb::Guests::default()
        }

        #[command_handler]
        fn enter(&self) -> Result<Streamed<Self, pb::Guests>, String> {
            Err("closed".to_owned())
        }
    }
}

mod tuple {
    use super::*;

    mod pb {
        include!("../room.rs");
    }

    /// Chosen by the entity's id.
    #[crdt_entity(service = pb::Presence, register = false)]
    pub(super) struct Any(AnyCrdt);

    #[handlers(partial)]
    impl Any {}

    pub(super) fn create(id: &EntityId) -> Any {
        Any(AnyCrdt::new(match id.as_str() {
            "flag" => CrdtType::Flag,
            _ => CrdtType::Vote,
        }))
    }
}

fn main() {
    assert_eq!(Room::PERSISTENCE_ID, "Presence");
    assert_eq!(others::Counts::PERSISTENCE_ID, "counts");
    assert!(Room::default().crdt().is_empty());
    let flag = tuple::create(&EntityId::new("flag"));
    assert_eq!(flag.crdt().crdt_type(), CrdtType::Flag);
    Cloudstate::new()
        .register::<Room>()
        .into_user_function()
        .unwrap();
    Cloudstate::new()
        .register_with(tuple::create)
        .into_user_function()
        .unwrap();
    Cloudstate::new()
        .register::<others::Counts>()
        .into_user_function()
        .unwrap();
}
