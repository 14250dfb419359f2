use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item() {}

    #[command_handler]
    fn get_cart() -> pb::Contents {
        pb::Contents::default()
    }
}

fn main() {}
