#![allow(dead_code)]

use cloudstate::prelude::{
    Context, command_handler, event_handler, event_sourced_entity, handlers, snapshot,
    snapshot_handler,
};

#[path = "../shop.rs"]
mod pb;

struct Option;
struct Some;
struct None;
struct Result;
struct Ok;
struct Err;
struct Handlers;
struct Handles;
struct Entity;
struct Any;
mod core {}
mod std {}
#[allow(non_upper_case_globals)]
const context: () = ();

#[event_sourced_entity(service = pb::Cart, snapshot_every = 1, passivate_after = "1s")]
#[derive(Default)]
struct Cart;

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, _: pb::AddItem) {
        cart.emit(pb::ItemAdded::default());
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }

    #[event_handler]
    fn item_added(&mut self, _: pb::ItemAdded) {}

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved::default()
    }

    #[snapshot_handler]
    fn restore(&mut self, _: pb::Saved) {}
}

fn main() {}
