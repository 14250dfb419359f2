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
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[event_handler]
    fn item_removed(&mut self, event: pb::ItemRemoved) {
        self.products.retain(|product| *product != event.product);
    }

    #[upcaster]
    fn added_again(old: pb::ItemRemoved) -> pb::ItemAdded {
        pb::ItemAdded { product: old.product }
    }

    #[upcaster]
    fn from_text(old: String) -> pb::ItemAdded {
        pb::ItemAdded { product: old }
    }

    #[upcaster]
    fn from_text_too(old: String) -> pb::ItemRemoved {
        pb::ItemRemoved { product: old }
    }
}

fn main() {}
