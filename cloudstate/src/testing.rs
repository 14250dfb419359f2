//! Tests of entities, without a network and without waiting.
//!
//! ```
//! use cloudstate::{prelude::*, testing::EventSourcedTest};
//!
//! mod pb {
//!     // In a service with a build script: `cloudstate::include_proto!("shop");`
//! #   include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs"));
//! }
//!
//! #[event_sourced_entity(service = pb::Cart)]
//! #[derive(Default)]
//! struct Cart {
//!     products: Vec<String>,
//! }
//!
//! #[handlers]
//! impl Cart {
//!     #[command_handler]
//!     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
//!         ensure!(!cart.products.contains(&item.product), "{} is in the cart", item.product);
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
//! }
//!
//! #[test]
//! # fn hidden() {}
//! fn a_product_is_in_the_cart_once() {
//!     let mut cart = EventSourcedTest::<Cart>::new("cart-1").given(pb::ItemAdded { product: "tea".into() });
//!     let add = |product: &str| pb::AddItem { cart: "cart-1".into(), product: product.into() };
//!
//!     let added = cart.command(pb::Cart::AddItem, add("milk"));
//!     assert_eq!(added.events(), [pb::ItemAdded { product: "milk".into() }]);
//!
//!     let refused = cart.command(pb::Cart::AddItem, add("tea"));
//!     assert_eq!(refused.failure(), "tea is in the cart");
//!
//!     let contents = cart.command(pb::Cart::GetCart, pb::GetCart { cart: "cart-1".into() });
//!     assert_eq!(contents.reply().products, ["tea", "milk"]);
//! }
//! # a_product_is_in_the_cart_once();
//! ```
//!
//! A test runs what production runs, the state machine of the protocol, and everything that an entity stores goes
//! through its encoding: what does not survive that fails the test.
//!
//! | to test | see |
//! |---|---|
//! | what a command of an event-sourced entity leads to | [`EventSourcedTest`], [`EventSourcedOutcome`], [`Answer`] |
//! | what a command of a value entity leads to | [`ValueEntityTest`], [`ValueEntityOutcome`], [`Answer`] |
//! | what commands of a CRDT entity lead to, on several nodes | [`CrdtTest`], [`CrdtNode`], [`CrdtOutcome`] |
//! | what a call of an action is answered | [`ActionTest`], [`Answer`], [`Answers`] |
//! | that no history of commands can lose state | [`EventSourcedTest::assert_survives`] |
//! | the whole service, from its port to its store | [`Service`] |
//!
//! The kit is always there, without a feature: it is written in terms of what the crate needs anyhow, so that it adds no
//! dependency, and a program that does not name it does not contain it.

#![expect(
    clippy::test_attr_in_doctest,
    reason = "the page shows a whole test, and calls it in a hidden line"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "what a test gives is consumed by intent, and stands in line without a `&`"
)]

mod action;
mod answer;
mod command;
#[cfg(feature = "embedded")]
mod crdt_entity;
mod event_sourced;
mod fixture;
mod property;
#[cfg(feature = "embedded")]
mod service;
mod stored;
mod value_entity;

pub use action::{ActionTest, Answers};
pub use answer::{Answer, Started};
pub use command::Command;
#[cfg(feature = "embedded")]
pub use crdt_entity::{CrdtNode, CrdtOutcome, CrdtTest};
pub use event_sourced::{EventSourcedOutcome, EventSourcedTest};
#[cfg(feature = "embedded")]
pub use service::{HttpAnswer, Service};
pub use stored::Stored;
pub use value_entity::{ValueEntityOutcome, ValueEntityTest};
