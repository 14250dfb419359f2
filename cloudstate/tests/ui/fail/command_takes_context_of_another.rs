use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[event_sourced_entity(service = pb::Archive)]
#[derive(Default)]
struct Archive;

#[handlers(partial)]
impl Archive {}

#[handlers(partial)]
impl Cart {
    #[command_handler]
    fn add_item(_cart: &mut Context<Archive>, _item: pb::AddItem) {}
}

fn main() {}
