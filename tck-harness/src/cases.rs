//! The cases, in the order in which they run.

mod action;
mod crdt;
mod event_sourced;
mod further;
mod proxied;
mod value_entity;

use crate::case::{Case, Half};

/// Every case of the Cloudstate TCK.
pub fn all() -> Vec<Case> {
    [
        proxied::discovery::cases(),
        action::model(),
        value_entity::model(),
        event_sourced::model(),
        crdt::model(),
        proxied::action::cases(),
        proxied::value_entity::cases(),
        proxied::event_sourced::cases(),
        proxied::crdt::cases(),
        proxied::reflection::cases(),
        proxied::eventing::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The cases of the Cloudstate TCK that take place there.
pub fn of(half: Half) -> Vec<Case> {
    let mut cases = all();
    cases.retain(|case| case.half == half);
    cases
}

/// Cases that the Cloudstate TCK does not have, in groups whose titles begin with `extended`.
pub fn further() -> Vec<Case> {
    further::all()
}

/// The extended cases that take place there.
pub fn further_of(half: Half) -> Vec<Case> {
    let mut cases = further();
    cases.retain(|case| case.half == half);
    cases
}
