//! Every example as its user meets it: a process, called over gRPC and HTTP, and killed where it keeps something.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dependency_injection;
mod json_events;
