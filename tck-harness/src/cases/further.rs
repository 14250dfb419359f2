//! Cases that the Cloudstate TCK does not have, in groups whose titles begin with `extended`: the same models, used as a
//! busy proxy uses them, and rules of the protocol that no official case checks.

mod action;
mod clients;
mod crdt;
mod event_log;
mod event_sourced;
mod load;
mod value_entity;
mod violations;

use crate::case::Case;

/// How many entities or calls are open at once.
const CROWD: usize = 8;

/// The cases of every kind.
pub(super) fn all() -> Vec<Case> {
    let mut cases = action::cases();
    cases.extend(value_entity::cases());
    cases.extend(event_sourced::cases());
    cases.extend(crdt::cases());
    cases.extend(event_log::cases());
    cases.extend(violations::cases());
    cases.extend(load::cases());
    cases.extend(clients::cases());
    cases
}
