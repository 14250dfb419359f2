use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Handlers;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }
}

/// Its only rpc streams.
#[event_sourced_entity(service = pb::Feed)]
#[derive(Default)]
struct Feed;

#[handlers(partial)]
impl Feed {}

fn main() {
    assert_eq!(Cart::HANDLED, ["GetCart"]);
    assert!(Feed::HANDLED.is_empty());
}
