//! Actions through the port: calls of every shape, their messages as fast as both sides take them, and their ends.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

#[path = "actions/client.rs"]
mod client;
#[path = "actions/compression.rs"]
mod compression;
#[path = "actions/cors.rs"]
mod cors;
#[path = "actions/dynamic.rs"]
mod dynamic;
#[path = "actions/function.rs"]
mod function;
#[path = "actions/grpc.rs"]
mod grpc;
#[path = "actions/heads.rs"]
mod heads;
#[path = "actions/http.rs"]
mod http;
#[path = "actions/pieces.rs"]
mod pieces;
#[path = "proto/pool.rs"]
mod pool;
#[path = "actions/server.rs"]
mod server;
#[path = "actions/verbs.rs"]
mod verbs;
