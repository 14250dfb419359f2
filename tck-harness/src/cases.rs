//! The cases, in the order in which they run.

mod action;
mod crdt;
mod event_sourced;
mod further;
mod value_entity;

use crate::case::Case;

/// Every case of the Cloudstate TCK.
pub fn all() -> Vec<Case> {
    let mut cases = action::model();
    cases.extend(value_entity::model());
    cases.extend(event_sourced::model());
    cases.extend(crdt::model());
    cases
}

/// Cases that the Cloudstate TCK does not have: entities whose commands are interleaved, streams that end at any point.
pub fn further() -> Vec<Case> {
    further::all()
}
