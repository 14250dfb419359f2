//! A shopping cart per user: event-sourced, durable, over gRPC and HTTP.

use cloudstate::prelude::*;
use pb::persistence::{self, ItemAdded, ItemRemoved, LineItem};
use std::collections::BTreeMap;

mod pb {
    cloudstate::include_proto!("com.example.shoppingcart");
}

/// What is in a user's cart, by product.
#[event_sourced_entity(service = pb::ShoppingCart, persistence_id = "shopping-cart", snapshot_every = 100)]
#[derive(Default)]
struct Cart(BTreeMap<String, LineItem>);

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, add: pb::AddLineItem) -> Result<(), Failure> {
        ensure!(add.quantity > 0, "quantity must be positive");
        let item = Some(add.into());
        cart.emit(ItemAdded { item });
        Ok(())
    }

    #[command_handler]
    fn remove_item(cart: &mut Context<Self>, remove: pb::RemoveLineItem) -> Result<(), Failure> {
        let product_id = remove.product_id;
        ensure!(cart.0.contains_key(&product_id), "not in the cart");
        cart.emit(ItemRemoved { product_id });
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Cart {
        let items = self.0.values().cloned().map(Into::into).collect();
        pb::Cart { items }
    }

    #[event_handler]
    fn item_added(&mut self, event: ItemAdded) {
        let added = event.item.unwrap_or_default();
        let line = self.0.entry(added.product_id.clone()).or_default();
        let quantity = line.quantity.saturating_add(added.quantity);
        *line = LineItem { quantity, ..added };
    }

    #[event_handler]
    fn item_removed(&mut self, event: ItemRemoved) {
        self.0.remove(&event.product_id);
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
