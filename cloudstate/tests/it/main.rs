//! User functions as a proxy meets them: whole conversations, in process and over the network.

mod conversation;
mod event_sourced;
mod isolation;
mod model;
mod properties;
mod protocol_errors;
mod registration;
