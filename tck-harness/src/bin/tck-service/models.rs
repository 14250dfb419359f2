//! The model services of the TCK, made with Cloudstate for Rust.

mod action;
mod crdt;
mod event_log;
mod event_sourced;
mod value_entity;

mod pb {
    cloudstate::include_proto!("cloudstate.tck.model");
}

/// All of them, as one user function.
pub(crate) fn cloudstate() -> cloudstate::Cloudstate {
    cloudstate::Cloudstate::registered().service_version(env!("CARGO_PKG_VERSION"))
}
