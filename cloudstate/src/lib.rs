//! Stateful services in Rust, in one binary.
//!
//! Annotate a struct, write its handlers, run the program: a durable service over gRPC and HTTP/JSON, with its store
//! inside. The same binary speaks the Cloudstate protocol 0.2, so that it also runs unchanged behind a
//! Cloudstate proxy.
//!
//! ```no_run
//! use cloudstate::prelude::*;
//!
//! mod pb {
//!     // In a service with a build script: `cloudstate::include_proto!("shop");`
//! #   include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs"));
//! }
//!
//! /// A cart: what is in it, in the order in which it was put there.
//! #[event_sourced_entity(service = pb::Cart, persistence_id = "cart", snapshot_every = 100)]
//! #[derive(Default)]
//! struct Cart {
//!     products: Vec<String>,
//! }
//!
//! #[handlers]
//! impl Cart {
//!     /// May emit events, and sees the state through the context.
//!     #[command_handler]
//!     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
//!         ensure!(!cart.products.contains(&item.product), "{} is in the cart", item.product);
//!         cart.emit(pb::ItemAdded { product: item.product });
//!         Ok(())
//!     }
//!
//!     /// Takes `&self`, so it is a query.
//!     #[command_handler]
//!     fn get_cart(&self) -> pb::Contents {
//!         pb::Contents { products: self.products.clone() }
//!     }
//!
//!     #[event_handler]
//!     fn item_added(&mut self, event: pb::ItemAdded) {
//!         self.products.push(event.product);
//!     }
//!
//!     #[snapshot]
//!     fn save(&self) -> pb::Saved {
//!         pb::Saved { products: self.products.clone() }
//!     }
//!
//!     #[snapshot_handler]
//!     fn restore(&mut self, saved: pb::Saved) {
//!         self.products = saved.products;
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> cloudstate::Result<()> {
//!     cloudstate::run().await
//! }
//! ```
//!
//! # How it reads
//!
//! A service is declared in a `.proto` file, which the build script compiles; [`include_proto!`] brings its messages in. An
//! entity implements one service. Its **command handlers** answer the rpcs: they read the state and may
//! [`emit`](Context::emit) events. Its **event handlers** are the only place where the state changes; they run when an event
//! is emitted, and again when the entity is loaded. [`run`] serves every annotated entity of the program.
//!
//! That is an event-sourced entity. Where only the present counts, a [`value_entity`] is shorter: its command handlers
//! change the state through the context, and the state is stored as a whole.
//!
//! # What is guaranteed
//!
//! - A reply leaves only when what its command changed is on disk.
//! - An entity runs one command at a time. There is at most one live instance of it per store.
//! - A command that fails leaves nothing behind: its events, effects and forwards are dropped, and the state is as it was.
//! - A handler of an action runs as fast as its caller takes the answers, and no longer than the caller waits for them.
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
//! | choose how a state is kept | [`event_sourced_entity`], [`value_entity`], [`crdt_entity`] |
//! | handle a command | [`Context`], [`Reply`], [`Failure`], [`SideEffect`], [`Forward`] |
//! | replicate a state, and stream its changes | [`crdt_entity`], [`crdt`], [`Streamed`], [`WriteConsistency`] |
//! | handle calls without a state, also streams | [`macro@action`], [`call_handler`], [`Incoming`], [`MaybeReply`] |
//! | read what came beside a command | [`EntityId`], [`Metadata`], [`CloudEvent`] |
//! | store something, and read what older versions stored | [`Payload`], [`macro@Json`], [`macro@upcaster`] |
//! | test a service and its entities | [`testing`] |
//! | serve on a socket of your own | [`Cloudstate::into_user_function`], [`UserFunction::serve`] |
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `embedded` (default) | the proxy inside the process: [`run`] serves clients and stores events; without it a program only serves a proxy in another process, and does without the journal's code |

pub mod action;
mod codec;
mod completeness;
mod context;
pub mod crdt;
mod crdt_entity;
mod descriptors;
mod discovery;
mod entity;
mod error;
mod event_codec;
mod event_sourced;
mod failure;
mod guard;
pub mod handler;
mod in_process;
pub mod kind;
mod machine;
mod metadata;
mod part;
pub mod prelude;
mod private;
mod registry;
mod reply;
mod run;
mod server;
pub mod service;
mod settings;
mod stored_form;
mod streamed;
pub mod testing;
mod trace_context;
mod user_function;
mod value_entity;

pub use action::{Action, Incoming};
pub use cloudstate_macros::{
    Json, action, call_handler, command_handler, crdt_entity, event_handler, event_sourced_entity,
    handlers, snapshot, snapshot_handler, upcaster, value_entity,
};
pub use cloudstate_process::shutdown_signal;
pub use cloudstate_protocol::{self as protocol, Any};
pub use cloudstate_transport::{ClientAuth, Plaintext};
pub use codec::{DecodeError, Payload};
pub use context::{Context, EventContext};
pub use crdt_entity::WriteConsistency;
pub use entity::{
    CrdtEntity, Create, Entity, EntityId, EventOf, EventSourcedEntity, FromDefault, Handlers,
    Handles, Initial, ReplayError, Snapshots, ValueEntity,
};
pub use error::{Error, Result};
pub use event_codec::EventCodec;
pub use failure::Failure;
pub use futures_util::Stream;
pub use in_process::EntityConnection;
pub use metadata::{CloudEvent, Metadata};
pub use prost_types;
pub use registry::Cloudstate;
pub use reply::{Forward, MaybeReply, Reply, SideEffect};
pub use run::run;
pub use service::{Rpc, Service};
pub use settings::{ProtocolTls, Role, Settings};
pub use streamed::{Next, Streamed};
pub use user_function::UserFunction;

/// What the macros' code names and nobody else does; it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        codec::{JsonCodec, json_codec},
        completeness::{check_calls_complete, check_complete, check_once, name_of},
        part::{Announces, HandlersPart, Part, handle_in_parts, part, replay_in_parts},
        private::{
            ReadsEvent, ServedByOneEntity, dispatch, no_handler, read_older, read_whole, replay,
            replay_older, restore_snapshot, take_snapshot, takes_snapshots,
        },
        registry::Registration,
        stored_form::{HasOneStoredForm, StoredForm, of_snapshots, of_whole},
    };
    pub use bytes::Bytes;
    pub use bytestring::ByteString;
    pub use inventory;
    pub use std::sync::Arc;
}

/// Includes what the build script generated for a protobuf package.
#[macro_export]
macro_rules! include_proto {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}
