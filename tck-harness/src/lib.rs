//! The Cloudstate TCK in Rust: tells whether a user function in any language does what the protocol asks of it.
//!
//! The program is described in the crate's `README.md`. As a library it runs the cases from a test:
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use tck_harness::{case::Half, cases, runner::Runner, service::Service};
//!
//! let service = Service::wait_for("127.0.0.1:8080").await?;
//! let report = Runner::new(&service).run(&cases::of(Half::Service), |_| {}).await;
//! assert_eq!(report.failed().count(), 0);
//! # Ok(()) }
//! ```
//!
//! A [`case`] has a name and needs services; [`cases`] are in the order and with the names of the Cloudstate TCK. A case
//! is played over a [`connection`] by someone who knows a kind of entity, such as [`event_sourced::Entity`] or
//! [`action::Call`]. The [`runner`] runs cases one after the other, and [`report`] tells of it.

pub mod action;
pub mod answer;
pub mod case;
pub mod cases;
pub mod connection;
pub mod conversation;
pub mod crdt;
pub mod event_sourced;
pub mod failure;
pub mod process;
pub mod proxy;
pub mod raw_codec;
pub mod reader;
pub mod report;
pub mod rough_link;
pub mod runner;
pub mod service;
pub mod text;
pub mod value_entity;

/// The messages and services of `cloudstate/tck/model/`.
#[allow(missing_docs, reason = "the fields say it")]
pub mod pb {
    cloudstate::include_proto!("cloudstate.tck.model");
}

/// The messages and the service of gRPC server reflection, version `v1alpha`.
#[allow(missing_docs, reason = "the fields say it")]
pub mod reflection_pb {
    cloudstate::include_proto!("grpc.reflection.v1alpha");
}
