use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[value_entity(service = pb::Feed)]
#[derive(Default)]
struct Feed {
    products: Vec<String>,
}

#[handlers]
impl Feed {
    #[command_handler]
    fn watch(&self) -> pb::Contents {
        pb::Contents::default()
    }

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

fn main() {}
