use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[value_entity]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        cart.products.push(item.product);
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
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
