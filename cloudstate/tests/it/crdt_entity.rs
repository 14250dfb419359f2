//! CRDT entities in conversation: what the TCK asks of one, and more. Every conversation is held in process and over the
//! network.

mod commands;
#[cfg(feature = "embedded")]
mod embedded;
mod errors;
mod peer;
mod rooms;
mod streams;
