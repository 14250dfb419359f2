//! Stateful services in Rust, in one binary.
//!
//! Annotate a struct, write its handlers, run the program: a durable, event-sourced service over gRPC and HTTP/JSON, with
//! its journal inside. The same binary speaks the Cloudstate protocol 0.2, so that it also runs unchanged behind a
//! Cloudstate proxy.
//!
//! # How it reads
//!
//! A service is declared in a `.proto` file, which the build script compiles; [`include_proto!`] brings its messages in. An
//! entity implements one service. Its **command handlers** answer the rpcs: they read the state and may
//! [`emit`](Context::emit) events. Its **event handlers** are the only place where the state changes; they run when an event
//! is emitted, and again when the entity is loaded. [`run`] serves every annotated entity of the program.
//!
//! # What is guaranteed
//!
//! - A reply leaves only when the events of its command are on disk.
//! - An entity runs one command at a time. There is at most one live instance of it per store.
//! - A command that fails leaves nothing behind: its events, effects and forwards are dropped, and the state is as it was.
//! - A panic in a handler fails its own entity, which is then loaded again from what is stored, and nothing else.
//! - The state from a snapshot and the events after it is the state from all events, as long as event handlers depend on
//!   nothing but state and event. A clock, a random number or a price list belongs into a command handler.
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | run a service | [`run`], [`Settings`] and the program's `--help` |
//! | give entities something from outside | [`Cloudstate::register_with`] |
//! | handle a command | [`Context`], [`Reply`], [`Failure`], [`SideEffect`], [`Forward`] |
//! | read what came beside a command | [`EntityId`], [`Metadata`], [`CloudEvent`] |
//! | serve on a socket of your own | [`Cloudstate::into_user_function`], [`UserFunction::serve`] |
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `embedded` (default) | the proxy inside the process: [`run`] serves clients and stores events; without it a program only serves a proxy in another process, and does without the journal's code |

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod codec;
mod command_line;
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
    Create, Entity, EntityId, EventSourcedEntity, Handlers, Handles, ReplayError, Snapshots,
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

/// Includes what the build script generated for a protobuf package.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
