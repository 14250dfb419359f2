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
    #[cfg(all())]
    #[command_handler]
    fn add_item(&self, _item: pb::AddItem) {}

    #[command_handler(name = "AddItem")]
    fn add(&self, _item: pb::AddItem) {}
}

fn main() {}
