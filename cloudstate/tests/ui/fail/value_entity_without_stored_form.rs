use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[value_entity(service = pb::Cart)]
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
}

fn main() {}
