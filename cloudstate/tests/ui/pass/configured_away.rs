use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handlers;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[cfg(any())]
    #[command_handler]
    fn add_item(&self, _: Missing) {}

    #[command_handler]
    #[cfg(all())]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }

    #[cfg(any())]
    #[command_handler(name = "GetCart")]
    fn get_cart_otherwise(&self) -> Missing {}

    #[cfg(any())]
    #[event_handler]
    fn item_added(&mut self, _: Missing) {}

    #[cfg(any())]
    #[snapshot]
    fn save(&self) -> Missing {}

    #[cfg(any())]
    #[snapshot_handler]
    fn restore(&mut self, _: Missing) {}
}

fn main() {
    assert_eq!(Cart::HANDLED, ["GetCart"]);
    assert!(Cart.take_snapshot().is_none());
}
