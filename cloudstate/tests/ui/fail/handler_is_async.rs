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
    #[command_handler]
    async fn add_item(&self, _item: pb::AddItem) {}

    #[event_handler]
    async fn item_added(&mut self, _event: pb::ItemAdded) {}
}

fn main() {}
