//! A crate that allows nothing.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_results
)]

use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

/// A cart.
#[event_sourced_entity(service = pb::Cart, snapshot_every = 1, passivate_after = "1s")]
#[derive(Debug, Default)]
pub struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem, id: EntityId) -> Result<(), Failure> {
        ensure!(!id.is_empty(), "no id");
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        let products = self.products.clone();
        pb::Contents { products }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        let products = self.products.clone();
        pb::Saved { products }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }
}

fn main() {}
