//! What the router and the entity hosts do with a user function that behaves, and with one that does not.

#[path = "routing/bench.rs"]
mod bench;
#[path = "proto/pool.rs"]
mod pool;
#[path = "routing/scripted.rs"]
mod scripted;

#[path = "routing/effects.rs"]
mod effects;
#[path = "routing/failures.rs"]
mod failures;
#[path = "routing/lifecycle.rs"]
mod lifecycle;
