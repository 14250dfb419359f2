//! User functions as a proxy meets them: whole conversations, in process and over the network.
#![expect(
    clippy::unwrap_used,
    reason = "a test's way to fail; clippy knows only the functions that carry #[test]"
)]

mod actions;
mod annotated;
mod conversation;
mod crdt_entity;
#[cfg(feature = "embedded")]
mod embedded;
mod event_sourced;
mod in_process;
mod isolation;
mod kit_action;
#[cfg(feature = "embedded")]
mod kit_crdt_entity;
mod kit_event_sourced;
#[cfg(feature = "embedded")]
mod kit_guide;
#[cfg(feature = "embedded")]
mod kit_service;
mod kit_value_entity;
mod known_defects;
mod logs;
mod model;
mod properties;
mod protocol_errors;
mod registration;
#[cfg(feature = "embedded")]
mod replies;
mod schema_evolution;
mod value_entity;
