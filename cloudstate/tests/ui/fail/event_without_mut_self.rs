use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial)]
impl Cart {
    #[event_handler]
    fn item_added(&self, _event: pb::ItemAdded) {}

    #[event_handler]
    fn item_removed(_event: pb::ItemRemoved) {}
}

fn main() {}
