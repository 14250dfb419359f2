//! Properties of the replicated data types.

mod cluster;
mod exchange;
mod node;
mod operation;
#[cfg(feature = "embedded")]
mod proxy;
mod rules;
mod value;
