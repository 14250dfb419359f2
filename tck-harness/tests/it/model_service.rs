//! The event-sourced model, written by hand against the protocol alone, so that it can do wrong on purpose.

mod model;
mod server;

pub(crate) use model::{Fault, OnFailure};
pub(crate) use server::ModelService;
