use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handlers;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers]
impl Cart {
    #[command_handler(name = "AddItem")]
    fn put(&self, _item: pb::AddItem) {}

    #[command_handler(name = "getCart")]
    fn r#type(&self) -> pb::Contents {
        pb::Contents::default()
    }
}

fn main() {
    assert_eq!(Cart::HANDLED, ["AddItem", "GetCart"]);
}
