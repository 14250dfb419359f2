//! Every example as its user meets it: a process, called over gRPC and HTTP, and killed where it keeps something.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod action_shapes;
mod dependency_injection;
mod eventing;
mod forwards_and_effects;
mod json_events;
mod metrics;
mod pages;
mod presence;
mod value_entity;
mod votes;
