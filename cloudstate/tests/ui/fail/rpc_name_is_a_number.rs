use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn _1(&self, _item: pb::AddItem) {}

    #[command_handler]
    fn __(&self, _item: pb::AddItem) {}

    #[command_handler = "AddItem"]
    fn add_item(&self, _item: pb::AddItem) {}
}

fn main() {}
