use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial)]
impl Cart {}

impl Cart {
    #[command_handler]
    fn add_item(&self, _item: pb::AddItem) {}

    #[event_handler]
    fn item_added(&mut self, _event: pb::ItemAdded) {}

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }
}

#[command_handler]
fn get_cart() {}

fn main() {}
