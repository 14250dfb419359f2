use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(&mut self, item: &pb::AddItem) {
        self.products.push(item.product.clone());
    }

    #[command_handler]
    async fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) -> bool {
        self.products.push(event.product);
        true
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }
}

fn main() {}
