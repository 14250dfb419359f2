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
    #[upcaster]
    fn from_text(old: String) -> Self {
        Self {
            products: vec![old],
        }
    }
}

fn main() {}
