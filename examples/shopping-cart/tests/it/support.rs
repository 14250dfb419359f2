//! What the tests have in common: the programs, a client, and the bookkeeping of what was acknowledged.

pub(crate) mod cart;
pub(crate) mod ledger;
pub(crate) mod programs;
pub(crate) mod random;
pub(crate) mod store;
