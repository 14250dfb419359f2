//! Subscriptions and topics through a whole proxy.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "eventing/bench.rs"]
mod bench;
#[path = "eventing/dead_letters.rs"]
mod dead_letters;
#[path = "eventing/event_log.rs"]
mod event_log;
#[path = "faults/eventually.rs"]
mod eventually;
#[path = "eventing/histories.rs"]
mod histories;
#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/stream.rs"]
mod stream;
#[path = "eventing/takeover.rs"]
mod takeover;
#[path = "eventing/topics.rs"]
mod topics;
