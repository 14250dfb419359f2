//! Cases that go through a proxy, with the harness as its client on one side and between it and the service on the other.

pub(super) mod action;
pub(super) mod crdt;
pub(super) mod discovery;
pub(super) mod event_sourced;
pub(super) mod eventing;
pub(super) mod reflection;
pub(super) mod value_entity;
