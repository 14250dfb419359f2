//! The proxy's CRDTs: the laws of merging, what a user function is told, the stored form, and the rules of each type.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a failure is to panic where it happens"
)]

#[path = "crdt/deltas.rs"]
mod deltas;
#[path = "crdt/generated.rs"]
mod generated;
#[path = "crdt/histories.rs"]
mod histories;
#[path = "crdt/observer.rs"]
mod observer;

#[path = "crdt/changes.rs"]
mod changes;
#[path = "crdt/differences.rs"]
mod differences;
#[path = "crdt/encoding.rs"]
mod encoding;
#[path = "crdt/laws.rs"]
mod laws;
#[path = "crdt/rules.rs"]
mod rules;
