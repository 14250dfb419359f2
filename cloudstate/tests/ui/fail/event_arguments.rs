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
    fn item_added(&mut self, _event: &pb::ItemAdded, _context: &mut Context<Self>) {}

    #[event_handler(name = "ItemRemoved")]
    fn item_removed(&mut self, _event: pb::ItemRemoved, _saved: pb::Saved) {}
}

fn main() {}
