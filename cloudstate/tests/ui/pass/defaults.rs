use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Entity, EventSourcedEntity, Handlers};

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(&self, _item: pb::AddItem) {}

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }
}

fn main() {
    assert_eq!(Cart::PERSISTENCE_ID, "Cart");
    assert_eq!(Cart::PASSIVATE_AFTER, None);
    assert_eq!(Cart::SNAPSHOT_EVERY, 0);
    assert_eq!(Cart::HANDLED, ["AddItem", "GetCart"]);
    assert!(Cart.take_snapshot().is_none());
}
