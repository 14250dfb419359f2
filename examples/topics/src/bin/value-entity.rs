//! The shopping cart as a value entity: what is stored is the cart as it is now, not how it became so.
//!
//! It serves the contract of the event-sourced cart; clients see no difference.

use std::collections::BTreeMap;

use cloudstate::prelude::*;
use pb::persistence::{self, LineItem};

mod pb {
    cloudstate::include_proto!("com.example.shoppingcart");
}

/// What is in a user's cart, by product.
#[value_entity(service = pb::ShoppingCart, persistence_id = "value-cart")]
#[derive(Default)]
struct Cart(BTreeMap<String, LineItem>);

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, add: pb::AddLineItem) -> Result<(), Failure> {
        ensure!(add.quantity > 0, "quantity must be positive");
        let line = cart.0.entry(add.product_id.clone()).or_default();
        let quantity = line.quantity.saturating_add(add.quantity);
        *line = LineItem {
            quantity,
            ..add.into()
        };
        Ok(())
    }

    /// A cart without lines is deleted: nothing of it is kept.
    #[command_handler]
    fn remove_item(cart: &mut Context<Self>, remove: pb::RemoveLineItem) -> Result<(), Failure> {
        let removed = cart.0.remove(&remove.product_id);
        ensure!(removed.is_some(), "not in the cart");
        if cart.0.is_empty() {
            cart.delete();
        }
        Ok(())
    }

    /// Takes `&self`, so it changes nothing, and nothing is stored.
    #[command_handler]
    fn get_cart(&self) -> pb::Cart {
        let items = self.0.values().cloned().map(Into::into).collect();
        pb::Cart { items }
    }

    #[snapshot]
    fn save(&self) -> persistence::Cart {
        let items = self.0.values().cloned().collect();
        persistence::Cart { items }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: persistence::Cart) {
        let by_product = |line: LineItem| (line.product_id.clone(), line);
        self.0 = saved.items.into_iter().map(by_product).collect();
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
