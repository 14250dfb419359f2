//! HTTP/JSON transcoding, from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/pool.rs"]
mod pool;

#[path = "transcoding/cart.rs"]
mod cart;
