use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use pb::AddItem as Add;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn add_item(&self, _item: pb::AddItem, _id: EntityId, _again: Add) {}
}

fn main() {}
