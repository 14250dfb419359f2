//! The sidecar as a process between a user function that goes wrong, in a process of its own, and clients that go wrong.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/pool.rs"]
mod pool;

#[path = "faults/client.rs"]
mod client;
#[path = "faults/function.rs"]
mod function;
#[path = "faults/programs.rs"]
mod programs;
#[path = "faults/rediscovery.rs"]
mod rediscovery;
