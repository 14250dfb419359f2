//! The cases, in the order in which they run.

mod event_sourced;

use crate::case::Case;

/// Every case.
pub fn all() -> Vec<Case> {
    event_sourced::model()
}
