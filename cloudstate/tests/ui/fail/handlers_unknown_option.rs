use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partly)]
impl Cart {
    #[command_handler(nme = "AddItem")]
    fn add(&self, _item: pb::AddItem) {}
}

fn main() {}
