use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial, parts = 2)]
impl Cart {
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[upcaster]
    fn from_text(old: String) -> pb::ItemAdded {
        pb::ItemAdded { product: old }
    }
}

#[handlers(part = 2)]
impl Cart {
    #[event_handler]
    fn named(&mut self, name: std::string::String) {
        self.products.push(name);
    }
}

fn main() {}
