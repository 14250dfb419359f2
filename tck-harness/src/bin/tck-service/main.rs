//! The model services of the TCK, made with Cloudstate for Rust.
//!
//! A service like any other: `CLOUDSTATE_ROLE=user-function` makes it serve a proxy, or the TCK, on `HOST` and `PORT`.

mod action;
mod crdt;
mod event_log;
mod event_sourced;
mod value_entity;

mod pb {
    cloudstate::include_proto!("cloudstate.tck.model");
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::Cloudstate::registered()
        .service_version(env!("CARGO_PKG_VERSION"))
        .run()
        .await
}
