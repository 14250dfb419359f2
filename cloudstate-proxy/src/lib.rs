//! The Cloudstate proxy: serves a user function to gRPC and HTTP clients, and keeps what its entities store.
//!
//! It runs embedded in a service, which the `cloudstate` crate arranges, or as the sidecar program `cloudstate-proxy` of
//! a user function in any language. Both are the same code behind one trait, [`user_function::UserFunction`].
//!
//! A call goes one way: front-end, [`router`], entity host, user function, [`store`]; its answer comes back along the
//! same way once its events are durable.

mod action;
mod admin;
pub mod call;
pub mod catalog;
pub mod crdt;
pub mod discovery;
mod entity;
pub mod eventing;
mod frontend;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod openapi;
mod proxy;
mod readiness;
mod rediscovery;
mod requests;
pub mod router;
mod settings;
pub mod store;
mod topics;
mod trace;
pub mod transcoding;
pub mod user_function;
mod welcome;
pub mod wire;

pub use cloudstate_transport::{ClientAuth, Plaintext};
pub use metrics::Metrics;
pub use proxy::{Proxy, StartError};
pub use settings::{
    Collector, Compression, HttpTls, OpenApiPath, OperatorPort, Origins, Ratio, Settings, Traces,
    UserFunctionTls, WebSettings,
};
