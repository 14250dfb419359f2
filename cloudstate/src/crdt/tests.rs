//! Properties of the replicated data types.

mod cluster;
mod exchange;
mod node;
mod operation;
mod rules;
mod value;
