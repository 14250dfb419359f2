//! Stateful services in Rust, in one binary.

mod codec;
mod command_line;
mod completeness;
mod context;
mod descriptors;
mod discovery;
mod entity;
mod error;
mod event_sourced;
mod failure;
pub mod handler;
mod in_process;
mod logging;
mod metadata;
pub mod prelude;
mod private;
mod registry;
mod reply;
mod run;
mod server;
pub mod service;
mod settings;
mod shutdown;
mod user_function;

pub use cloudstate_macros::{
    command_handler, event_handler, event_sourced_entity, handlers, snapshot, snapshot_handler,
};
pub use cloudstate_protocol::{self as protocol, Any};
pub use codec::Payload;
pub use context::{Context, EventContext};
pub use entity::{
    Create, Entity, EntityId, EventOf, EventSourcedEntity, Handlers, Handles, ReplayError,
    Snapshots,
};
pub use error::{Error, Result};
pub use failure::Failure;
pub use in_process::EntityConnection;
pub use metadata::{CloudEvent, Metadata};
pub use prost_types;
pub use registry::Cloudstate;
pub use reply::{Forward, Reply, SideEffect};
pub use run::run;
pub use service::{Rpc, Service};
pub use settings::{Role, Settings};
pub use shutdown::shutdown_signal;
pub use user_function::UserFunction;

/// What the macros' code names and nobody else does; it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        completeness::{check_complete, name_of},
        private::{
            ServedByOneEntity, dispatch, no_handler, replay, restore_snapshot, take_snapshot,
            takes_snapshots,
        },
        registry::Registration,
    };
    pub use bytestring::ByteString;
    pub use inventory;
}

/// Includes what the build script generated for a protobuf package.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
