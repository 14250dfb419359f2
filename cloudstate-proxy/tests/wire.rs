//! Messages seen as bytes, from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/arbitrary.rs"]
mod arbitrary;
#[path = "proto/pool.rs"]
mod pool;

#[path = "wire/keys.rs"]
mod keys;
#[path = "wire/validation.rs"]
mod validation;
