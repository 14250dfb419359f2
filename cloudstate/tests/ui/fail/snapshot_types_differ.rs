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
    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Contents) {
        self.products = saved.products;
    }
}

fn main() {}
