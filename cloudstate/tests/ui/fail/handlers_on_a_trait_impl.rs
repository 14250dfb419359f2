use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

trait Adds {
    fn add_item(&self, item: pb::AddItem);
}

#[handlers(partial)]
impl Adds for Cart {
    #[command_handler]
    fn add_item(&self, _item: pb::AddItem) {}
}

fn main() {}
