//! The cases, in the order in which they run.

mod action;
mod crdt;
mod event_sourced;
mod value_entity;

use crate::case::Case;

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = action::model();
    cases.extend(value_entity::model());
    cases.extend(event_sourced::model());
    cases.extend(crdt::model());
    cases
}
