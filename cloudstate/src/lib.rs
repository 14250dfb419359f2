//! Stateful services in Rust, in one binary.

mod codec;
mod context;
mod entity;
mod failure;
pub mod handler;
mod metadata;
mod reply;
pub mod service;

pub use cloudstate_protocol::{self as protocol, Any};
pub use codec::Payload;
pub use context::{Context, EventContext};
pub use entity::{
    Create, Entity, EntityId, EventSourcedEntity, Handlers, Handles, ReplayError, Snapshots,
};
pub use failure::Failure;
pub use metadata::{CloudEvent, Metadata};
pub use prost_types;
pub use reply::{Forward, Reply, SideEffect};
pub use service::{Rpc, Service};

/// Includes what the build script generated for a protobuf package.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
