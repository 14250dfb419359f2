//! What the router and the host of CRDT entities do, with a user function that a test plays itself, message by message.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a failure is to panic where it happens"
)]

#[path = "crdt_entity/bench.rs"]
mod bench;
#[path = "crdt/deltas.rs"]
mod deltas;
#[path = "crdt_entity/gated.rs"]
mod gated;
#[path = "crdt/generated.rs"]
mod generated;
#[path = "proto/pool.rs"]
mod pool;
#[path = "crdt_entity/user_side.rs"]
mod user_side;

#[path = "crdt_entity/changes.rs"]
mod changes;
#[path = "crdt_entity/durability.rs"]
mod durability;
#[path = "crdt_entity/failures.rs"]
mod failures;
#[path = "crdt_entity/histories.rs"]
mod histories;
#[path = "crdt_entity/lifecycle.rs"]
mod lifecycle;
#[path = "crdt_entity/port.rs"]
mod port;
#[path = "crdt_entity/reloads.rs"]
mod reloads;
#[path = "crdt_entity/streams.rs"]
mod streams;
