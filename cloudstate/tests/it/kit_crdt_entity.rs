//! The test kit of CRDT entities: nodes that hear of each other when the test says so.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cloudstate::{
    WriteConsistency,
    crdt::{LWWRegister, ORSet, Vote},
    prelude::*,
    testing::CrdtTest,
};

mod pb {
    include!("../ui/room.rs");
}

mod shop {
    include!("../ui/shop.rs");
}

#[crdt_entity(service = pb::Presence, register = false)]
#[derive(Default)]
struct Room {
    #[crdt]
    present: ORSet<String>,
    limit: usize,
}

impl Room {
    fn guests(&self) -> pb::Guests {
        let mut names: Vec<_> = self.present.iter().cloned().collect();
        names.sort();
        pb::Guests { names }
    }
}

#[handlers]
impl Room {
    /// Enters, and listens; leaves when the caller goes away.
    #[command_handler]
    fn enter(
        room: &mut Context<Self>,
        visit: pb::Visit,
    ) -> Result<Streamed<Self, pb::Guests>, Failure> {
        let limit = if room.limit == 0 { 9 } else { room.limit };
        room.present.insert(visit.guest.clone());
        ensure!(room.present.len() <= limit, "the room is full");
        Ok(Streamed::reply(room.guests())
            .on_change(|room: &Self| Next::message(room.guests()).end_if(room.present.len() > 3))
            .on_cancel(move |room: &mut Context<Self>| {
                room.present.remove(&visit.guest);
                let look = visit.clone();
                room.effect(SideEffect::to(pb::Presence::Look, look));
            }))
    }

    #[command_handler]
    fn leave(room: &mut Context<Self>, visit: pb::Visit) {
        match &*visit.guest {
            "everybody" => room.delete(),
            "bomb" => panic!("no bombs"),
            guest => {
                room.present.remove(&guest.to_owned());
                room.write_consistency(WriteConsistency::Majority);
            }
        }
    }

    #[command_handler]
    fn look(&self) -> pb::Guests {
        self.guests()
    }
}

/// The last title counts.
#[crdt_entity(service = shop::Archive, register = false)]
#[derive(Default)]
struct Title(LWWRegister<String>);

#[handlers]
impl Title {
    #[command_handler]
    fn find(title: &mut Context<Self>, request: shop::GetCart) -> shop::Contents {
        if !request.cart.is_empty() {
            title.0.set(request.cart);
        }
        let products = vec![title.0.get().clone()];
        shop::Contents { products }
    }
}

/// Adds a yes for this node.
#[crdt_entity(service = shop::Cart, register = false)]
#[derive(Default)]
struct Poll(Vote);

#[handlers(partial)]
impl Poll {
    #[command_handler]
    fn add_item(poll: &mut Context<Self>, item: shop::AddItem) {
        poll.0.vote(item.product == "yes");
    }
}

fn visit(guest: &str) -> pb::Visit {
    pb::Visit {
        room: "r".into(),
        guest: guest.into(),
    }
}

fn names(rooms: &CrdtTest<Room>, node: usize) -> Vec<String> {
    rooms[node].state().guests().names
}

fn panic_of<T>(work: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).err().unwrap();
    panic.downcast_ref::<String>().cloned().unwrap()
}

#[test]
fn nodes_converge_when_they_hear_of_each_other() {
    let mut rooms = CrdtTest::<Room>::new("r", 3);
    rooms[0].listen(pb::Presence::Enter, visit("ada")).reply();
    rooms.exchange();
    // The one leaves where the other enters again: who enters is there.
    rooms[1].command(pb::Presence::Leave, visit("ada")).reply();
    rooms[1].listen(pb::Presence::Enter, visit("bob")).reply();
    rooms[2].listen(pb::Presence::Enter, visit("cem")).reply();
    assert_eq!(names(&rooms, 0), ["ada"]);
    assert_eq!(names(&rooms, 1), ["bob"]);
    let text = panic_of(|| rooms.assert_converged());
    assert!(text.starts_with("nodes 0 and 1 differ: "), "{text}");

    rooms.exchange_between(&[0, 1]);
    assert_eq!(names(&rooms, 0), ["bob"]);
    assert_eq!(names(&rooms, 2), ["ada", "cem"]);
    rooms.exchange();
    rooms.assert_converged();
    for node in 0..3 {
        assert_eq!(names(&rooms, node), ["bob", "cem"]);
        rooms[node].reload();
        assert_eq!(names(&rooms, node), ["bob", "cem"]);
    }
}

#[test]
fn a_command_has_an_answer_and_says_what_it_asks_for() {
    let mut rooms = CrdtTest::<Room>::with("r", 1, |_| Room {
        limit: 1,
        ..Room::default()
    });
    let entered = rooms[0].listen(pb::Presence::Enter, visit("ada"));
    assert_eq!(entered.reply().names, ["ada"]);
    assert!(!entered.is_unchanged());
    let refused = rooms[0].listen(pb::Presence::Enter, visit("bob"));
    assert_eq!(refused.failure(), "the room is full");
    assert!(refused.is_unchanged() && !rooms[0].is_open(&refused));
    assert_eq!(names(&rooms, 0), ["ada"]);

    let broken = rooms[0].command(pb::Presence::Leave, visit("bomb"));
    assert_eq!(broken.defect(), "no bombs");
    let look = rooms[0].command(pb::Presence::Look, visit(""));
    assert_eq!(look.reply().names, ["ada"]);
    let left = rooms[0].command(pb::Presence::Leave, visit("ada"));
    assert_eq!(left.write_consistency(), WriteConsistency::Majority);
    assert!(names(&rooms, 0).is_empty());
}

#[test]
fn those_who_listen_hear_of_changes_on_all_nodes() {
    let mut rooms = CrdtTest::<Room>::new("r", 2);
    let ada = rooms[0].listen(pb::Presence::Enter, visit("ada"));
    rooms[1].listen(pb::Presence::Enter, visit("bob")).reply();
    assert!(rooms[0].heard(&ada).is_empty());
    rooms.exchange();
    let heard = rooms[0].heard(&ada);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].reply().names, ["ada", "bob"]);
    assert!(rooms[0].heard(&ada).is_empty() && rooms[0].is_open(&ada));

    let cem = rooms[0].listen(pb::Presence::Enter, visit("cem"));
    assert_eq!(rooms[0].heard(&ada)[0].reply().names, ["ada", "bob", "cem"]);
    let effects = rooms[0].cancel(&cem);
    assert_eq!(effects[0].request(pb::Presence::Look), visit("cem"));
    assert!(!rooms[0].is_open(&cem));
    assert_eq!(rooms[0].heard(&ada)[0].reply().names, ["ada", "bob"]);

    rooms[0].listen(pb::Presence::Enter, visit("dan")).reply();
    rooms[0].listen(pb::Presence::Enter, visit("eve")).reply();
    assert_eq!(rooms[0].heard(&ada).len(), 2);
    assert!(!rooms[0].is_open(&ada));
}

#[test]
fn a_deleted_entity_is_deleted_everywhere() {
    let mut rooms = CrdtTest::<Room>::new("r", 2);
    rooms[0].listen(pb::Presence::Enter, visit("ada")).reply();
    rooms.exchange();
    let deleted = rooms[0].command(pb::Presence::Leave, visit("everybody"));
    assert!(deleted.is_deleted());
    rooms.exchange();
    rooms.assert_converged();
    for node in 0..2 {
        let look = rooms[node].command(pb::Presence::Look, visit(""));
        assert_eq!(look.failure(), "Entity deleted");
    }
}

#[test]
fn the_later_of_two_writes_counts() {
    let mut titles = CrdtTest::<Title>::new("t", 2);
    for (node, title) in [(1, "first"), (0, "second"), (1, "third")] {
        let cart = title.into();
        let find = shop::GetCart { cart };
        titles[node].command(shop::Archive::Find, find).reply();
    }
    titles.exchange();
    titles.assert_converged();
    assert_eq!(titles[0].state().0.get(), "third");
}

#[test]
fn every_node_has_a_vote() {
    let mut polls = CrdtTest::<Poll>::new("p", 3);
    for (node, product) in [(0, "yes"), (1, "no"), (2, "yes")] {
        let item = shop::AddItem {
            cart: "p".into(),
            product: product.into(),
        };
        polls[node].command(shop::Cart::AddItem, item).reply();
    }
    polls.exchange();
    polls.assert_converged();
    let poll = &polls[1].state().0;
    assert_eq!((poll.votes_for(), poll.voters()), (2, 3));
}
