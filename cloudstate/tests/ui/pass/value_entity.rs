use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Any, ValueEntity};

#[value_entity(
    service = pb::Cart,
    persistence_id = "value-cart",
    passivate_after = "30s",
)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        ensure!(cart.products.len() < 100, "cart {} is full", cart.entity_id());
        if item.product.is_empty() {
            cart.delete();
        } else {
            cart.products.push(item.product);
        }
        Ok(())
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

fn main() {
    let products = vec!["tea".into()];
    let stored = Cart { products }.store();
    assert_eq!(stored.type_url, "type.googleapis.com/shop.Saved");

    let mut cart = Cart::default();
    cart.load(&stored).unwrap();
    assert_eq!(cart.products, ["tea"]);
    let foreign = Any::pack(&pb::Contents::default());
    let error = cart.load(&foreign).unwrap_err().to_string();
    assert!(error.contains("shop.Contents"), "{error}");
}
