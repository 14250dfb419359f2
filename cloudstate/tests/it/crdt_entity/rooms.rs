//! The entities, whose commands are written as words.

use std::time::Duration;

use cloudstate::{
    Cloudstate, UserFunction,
    crdt::{LWWRegister, ORMap, ORSet, PNCounter},
    prelude::*,
};

pub(super) mod pb {
    include!("../../ui/room.rs");
}

pub(super) mod shop {
    include!("../../ui/shop.rs");
}

/// A set: `+ada` adds, `-ada` removes, `clear` clears, `delete` deletes, `fail` refuses, and several stand in one line.
#[crdt_entity(service = pb::Presence, passivate_after = "100ms", register = false)]
#[derive(Default)]
pub(super) struct Room {
    #[crdt]
    present: ORSet<String>,
    /// Of this node alone.
    _opened: Option<Duration>,
}

#[handlers]
impl Room {
    #[command_handler]
    fn leave(room: &mut Context<Self>, visit: pb::Visit) -> Result<MaybeReply<()>, Failure> {
        for word in visit.guest.split_whitespace() {
            match word {
                "clear" => room.present.clear(),
                "delete" => room.delete(),
                "fail" => return Err(Failure::new("expected failure")),
                "panic" => panic!("expected panic"),
                "replace" => room.present = ORSet::default(),
                "effect" => {
                    let effect = find(room.entity_id());
                    room.effect(effect);
                }
                "majority" => room.write_consistency(WriteConsistency::Majority),
                "all" => room.write_consistency(WriteConsistency::All),
                "silent" => return Ok(MaybeReply::none()),
                word => room.change(word),
            }
        }
        Ok(MaybeReply::message(()))
    }

    #[command_handler]
    fn look(&self) -> pb::Guests {
        self.guests()
    }

    /// `until=2` ends the stream when two are present, `once` after one message; `cancel=-ada` changes the room when the
    /// caller goes; `silent`, `refuse`, `panic`, `effect` and `forward` say what is sent on a change.
    #[command_handler]
    fn enter(
        room: &mut Context<Self>,
        visit: pb::Visit,
    ) -> Result<Streamed<Self, pb::Guests>, Failure> {
        let words: Vec<_> = visit.guest.split_whitespace().map(str::to_owned).collect();
        let has = |word: &str| words.iter().any(|other| other == word);
        let option = |name: &str| {
            let mut values = words.iter().filter_map(|word| word.strip_prefix(name));
            values.next().map(str::to_owned)
        };
        for word in words.iter().filter(|word| word.starts_with('+')) {
            room.change(word);
        }
        if has("fail") {
            return Err(Failure::new("expected failure"));
        }
        let mut streamed = if has("empty") {
            Streamed::none()
        } else {
            Streamed::reply(room.guests())
        };
        if let Some(change) = option("cancel=") {
            let id = room.entity_id().clone();
            streamed = streamed.on_cancel(move |room: &mut Context<Self>| {
                assert_eq!((room.entity_id(), room.command_name()), (&id, "Enter"));
                assert!(change != "panic", "expected panic");
                if change == "replace" {
                    room.present = ORSet::default();
                    return;
                }
                if change == "effect" {
                    room.effect(find(&id));
                } else {
                    room.write_consistency(WriteConsistency::Majority);
                    room.change(&change);
                }
            });
        }
        if has("once") || has("idle") {
            return Ok(streamed);
        }
        let until: Option<usize> = option("until=").map(|until| until.parse().unwrap());
        let kind = words.last().cloned().unwrap_or_default();
        let id = room.entity_id().clone();
        Ok(streamed.on_change(move |room: &Self| -> Next<pb::Guests> {
            match &*kind {
                "silent" => Next::none(),
                "refuse" => MaybeReply::failure("expected refusal").into(),
                "panic" => panic!("expected panic"),
                "effect" => Next::message(room.guests()).effect(find(&id)),
                "forward" => {
                    let request = pb::Visit {
                        room: "another".into(),
                        ..pb::Visit::default()
                    };
                    MaybeReply::forward(Forward::to(pb::Presence::Look, request)).into()
                }
                _ => {
                    let ends = until.is_some_and(|until| room.present.len() >= until);
                    Next::message(room.guests()).end_if(ends)
                }
            }
        }))
    }
}

impl Room {
    fn guests(&self) -> pb::Guests {
        pb::Guests {
            names: self.present.iter().cloned().collect(),
        }
    }

    fn change(&mut self, word: &str) {
        match word.split_at(1) {
            ("+", name) => self.present.insert(name.to_owned()),
            ("-", name) => self.present.remove(&name.to_owned()),
            (_, _) => panic!("{word} is no word"),
        };
    }
}

fn find(id: &EntityId) -> SideEffect {
    let cart = id.to_string();
    SideEffect::to(shop::Archive::Find, shop::GetCart { cart })
}

/// A register, which begins with a value.
#[crdt_entity(service = shop::Cart, register = false)]
#[derive(Default)]
pub(super) struct Title(LWWRegister<String>);

#[handlers]
impl Title {
    #[command_handler]
    fn add_item(title: &mut Context<Self>, item: shop::AddItem) -> Result<(), Failure> {
        if !item.product.is_empty() {
            title.0.set(item.product.clone());
        }
        ensure!(item.product != "fail", "expected failure");
        if item.product == "delete" {
            title.delete();
        }
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> shop::Contents {
        let products = vec![self.0.get().clone()];
        shop::Contents { products }
    }
}

/// A map that begins with a content.
#[crdt_entity(service = shop::Archive, register = false)]
pub(super) struct Stock {
    pub(super) counts: ORMap<String, PNCounter>,
}

impl Default for Stock {
    fn default() -> Self {
        let mut counts = ORMap::default();
        counts
            .get_or_insert_with("tea".to_owned(), PNCounter::default)
            .increment(3);
        Self { counts }
    }
}

#[handlers]
impl Stock {
    #[command_handler]
    fn find(stock: &mut Context<Self>, request: shop::GetCart) -> Result<shop::Contents, Failure> {
        if !request.cart.is_empty() {
            stock
                .counts
                .get_or_default(request.cart.clone())
                .increment(1);
        }
        ensure!(request.cart != "fail", "expected failure");
        let products = stock
            .counts
            .iter()
            .map(|(name, count)| format!("{name}={}", count.value()));
        Ok(shop::Contents {
            products: products.collect(),
        })
    }
}

pub(super) fn cloudstate() -> Cloudstate {
    Cloudstate::new()
        .register::<Room>()
        .register::<Title>()
        .register::<Stock>()
}

pub(super) fn user_function() -> UserFunction {
    cloudstate().into_user_function().unwrap()
}
