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
    fn get_cart(&self) -> Result<pb::ItemAdded, Failure> {
        Err(Failure::new("no"))
    }
}

fn main() {}
