//! The attribute macros of `cloudstate`, which re-exports them; depend on that crate instead.

mod attrs;
mod driver;
mod errors;
mod expand;
mod fallback;
mod model;
mod parse;
mod tokens;
mod validate;

use proc_macro::TokenStream;

/// Makes a struct the state of an event-sourced entity, which implements a service of a `.proto` file.
///
/// ```ignore
/// #[event_sourced_entity(service = pb::ShoppingCart)]
/// ```
#[proc_macro_attribute]
pub fn event_sourced_entity(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::event_sourced_entity(options.into(), &item.into()).into()
}

/// Finds the handlers of an entity in an `impl` block.
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::handlers(options.into(), &item.into()).into()
}

/// Handles the commands of one rpc.
#[proc_macro_attribute]
pub fn command_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Command, &item.into()).into()
}

/// Applies an event to the state.
#[proc_macro_attribute]
pub fn event_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Event, &item.into()).into()
}

/// Turns the state into its stored form.
#[proc_macro_attribute]
pub fn snapshot(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Snapshot, &item.into()).into()
}

/// Restores the state from its stored form.
#[proc_macro_attribute]
pub fn snapshot_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::SnapshotHandler, &item.into()).into()
}
