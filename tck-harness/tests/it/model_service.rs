//! The models, written by hand against the protocol alone, so that they can do wrong on purpose.

pub(crate) mod action;
pub(crate) mod crdt;
pub(crate) mod event_log;
pub(crate) mod event_sourced;
mod server;
pub(crate) mod value_entity;

pub(crate) use server::{ModelService, UserFunction, WireFault};
