use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Feed)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn watch(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }
}

fn main() {}
