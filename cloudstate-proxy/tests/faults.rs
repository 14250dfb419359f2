//! The sidecar as a process between a user function that goes wrong, in a process of its own, and clients that go wrong.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/pool.rs"]
mod pool;

#[path = "faults/client.rs"]
mod client;
#[path = "faults/client_side.rs"]
mod client_side;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/eventually.rs"]
mod eventually;
#[path = "faults/function.rs"]
mod function;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/others.rs"]
mod others;
#[path = "faults/programs.rs"]
mod programs;
#[path = "faults/rediscovery.rs"]
mod rediscovery;
#[path = "faults/user_side.rs"]
mod user_side;
