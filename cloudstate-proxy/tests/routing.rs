//! What the router and the entity hosts do with a user function that behaves, and with one that does not.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a failure is to panic where it happens"
)]

#[path = "routing/bench.rs"]
mod bench;
#[path = "routing/played.rs"]
mod played;
#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/scripted.rs"]
mod scripted;

#[path = "routing/ahead.rs"]
mod ahead;
#[path = "routing/deaf.rs"]
mod deaf;
#[path = "routing/effects.rs"]
mod effects;
#[path = "routing/failures.rs"]
mod failures;
#[path = "routing/lifecycle.rs"]
mod lifecycle;
#[path = "routing/parking.rs"]
mod parking;
#[path = "routing/unreliable.rs"]
mod unreliable;
#[path = "routing/values.rs"]
mod values;
