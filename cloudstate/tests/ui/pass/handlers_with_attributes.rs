//! What is deprecated for callers is still called by us, without a warning in the user's crate.
#![deny(warnings)]

use cloudstate::{Handlers, prelude::*};

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart, snapshot_every = 10)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[deprecated]
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
        let product = item.product;
        cart.emit(pb::ItemAdded { product });
    }

    /// Kept for old clients.
    #[must_use]
    #[inline]
    #[deprecated = "the archive has it"]
    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        let products = self.products.clone();
        pb::Contents { products }
    }

    #[deprecated]
    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[deprecated]
    #[snapshot]
    fn save(&self) -> pb::Saved {
        let products = self.products.clone();
        pb::Saved { products }
    }

    #[deprecated]
    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }
}

fn main() {
    assert_eq!(Cart::HANDLED, ["AddItem", "GetCart"]);
    let mut cart = Cart::default();
    cart.products.push("tea".into());
    let saved = cart.take_snapshot().unwrap();
    let mut other = Cart::default();
    other.restore_snapshot(&saved).unwrap();
    assert_eq!(other.products, ["tea"]);
}
