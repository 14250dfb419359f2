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

    #[snapshot]
    fn save_again(&self) -> pb::Saved {
        self.save()
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }

    #[snapshot_handler]
    fn restore_again(&mut self, saved: pb::Saved) {
        self.restore(saved);
    }
}

fn main() {}
