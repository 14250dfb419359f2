//! The names that a file with an entity imports: `use cloudstate::prelude::*;`
//!
//! ```
//! use cloudstate::prelude::*;
//!
//! # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
//! #[event_sourced_entity(service = pb::Cart, snapshot_every = 100)]
//! #[derive(Default)]
//! struct Cart {
//!     products: Vec<String>,
//! }
//!
//! #[handlers]
//! impl Cart {
//!     #[command_handler]
//!     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
//!         ensure!(cart.products.len() < 100, "cart {} is full", item.cart);
//!         cart.emit(pb::ItemAdded { product: item.product });
//!         Ok(())
//!     }
//!
//!     #[command_handler]
//!     fn get_cart(&self) -> pb::Contents {
//!         pb::Contents { products: self.products.clone() }
//!     }
//!
//!     #[event_handler]
//!     fn item_added(&mut self, event: pb::ItemAdded) {
//!         self.products.push(event.product);
//!     }
//!
//!     #[snapshot]
//!     fn save(&self) -> pb::Saved {
//!         pb::Saved { products: self.products.clone() }
//!     }
//!
//!     #[snapshot_handler]
//!     fn restore(&mut self, saved: pb::Saved) {
//!         self.products = saved.products;
//!     }
//! }
//! # fn main() {}
//! ```

pub use crate::{
    CloudEvent, Context, EntityId, EventContext, Failure, Forward, Incoming, Json, MaybeReply,
    Metadata, Next, Reply, SideEffect, Stream, Streamed, WriteConsistency, command_handler,
    crdt_entity, ensure, event_handler, event_sourced_entity, handlers, snapshot, snapshot_handler,
    upcaster, value_entity,
};
// The attribute alone, without the module of the same name.
pub use cloudstate_macros::{action, call_handler};
