use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use std::time::Duration;

use cloudstate::{Entity, EventSourcedEntity};

/// Documentation and other attributes stay.
#[event_sourced_entity(
    service = pb::Cart,
    persistence_id = "shopping-cart",
    snapshot_every = 1_000,
    passivate_after = "100ms",
    register = true,
    crate = ::cloudstate,
)]
#[derive(Default, Debug, Clone)]
pub struct Cart {
    products: Vec<String>,
}

#[handlers(partial, crate = ::cloudstate)]
impl Cart {
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

fn main() {
    assert_eq!(Cart::PERSISTENCE_ID, "shopping-cart");
    assert_eq!(Cart::PASSIVATE_AFTER, Some(Duration::from_millis(100)));
    assert_eq!(Cart::SNAPSHOT_EVERY, 1_000);
    let _ = format!("{:?}", Cart::default().clone());
}
