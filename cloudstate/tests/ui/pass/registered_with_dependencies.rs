use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use std::sync::Arc;

use cloudstate::Cloudstate;

/// No `Default`: its prices come from outside.
#[event_sourced_entity(service = pb::Cart, register = false)]
struct Cart {
    prices: Arc<Vec<u64>>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(&self) -> Result<(), Failure> {
        ensure!(!self.prices.is_empty(), "nothing has a price");
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents::default()
    }
}

fn main() {
    assert!(Cloudstate::registered().into_user_function().is_err());
    let prices = Arc::new(vec![1]);
    let create = move |_: &EntityId| Cart {
        prices: Arc::clone(&prices),
    };
    let service = Cloudstate::registered().register_with(create);
    assert!(service.into_user_function().is_ok());
}
