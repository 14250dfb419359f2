//! The protocol version and the names by which entity types are announced.

/// Major protocol version; user function and proxy must agree on it.
pub const MAJOR: i32 = 0;
/// Minor protocol version; user function and proxy must agree on it.
pub const MINOR: i32 = 2;

/// Entity type of event-sourced entities.
pub const EVENT_SOURCED: &str = "cloudstate.eventsourced.EventSourced";
/// Entity type of value entities.
pub const VALUE_ENTITY: &str = "cloudstate.valueentity.ValueEntity";
/// Entity type of CRDT entities.
pub const CRDT: &str = "cloudstate.crdt.Crdt";
/// Entity type of actions.
pub const ACTION: &str = "cloudstate.action.ActionProtocol";
