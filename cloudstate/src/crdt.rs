//! Replicated data types: values that every node may change at the same time, and that agree again afterwards.
//!
//! | type | what it is | who wins |
//! |---|---|---|
//! | [`GCounter`] | a counter that grows | everybody: increments add up |
//! | [`PNCounter`] | a counter that grows and shrinks | everybody: changes add up |
//! | [`GSet`] | a set that grows | everybody: additions unite |
//! | [`ORSet`] | a set | an addition, over a removal that has not seen it |
//! | [`LWWRegister`] | one value | the last write, by a [`Clock`] |
//! | [`Flag`] | a boolean that is switched on once | whoever switches it on |
//! | [`ORMap`] | a map of replicated values | as in [`ORSet`]; the values of a key merge by their own type |
//! | [`LWWRegisterMap`], [`PNCounterMap`] | an [`ORMap`] of registers, of counters | as their parts |
//! | [`Vote`] | one vote per node | nobody: every node has its own |
//! | [`AnyCrdt`] | one of the above, chosen at run time | as the chosen type |
//!
//! A type offers only what it can replicate: there is no `remove` on a [`GSet`] and no negative increment of a
//! [`GCounter`].
//!
//! The proxy replicates. An entity holds the value as it knows it, and exchanges *deltas* with the proxy: what a command
//! changed goes out with its reply, what other nodes changed comes in. Every value therefore remembers what the running
//! command changed, as little as it takes to say it, and to take it back should the command fail.
//!
//! # Elements and keys
//!
//! Elements of sets, values of registers and keys of maps are of any type that is a [`Payload`](crate::Payload). Two of
//! them are the same if they are encoded alike, here as in the proxy, and they are iterated in the order of their encoded
//! bytes: the same on every node, but not the order of `Ord`.

mod any_crdt;
mod counter_map;
mod element;
mod error;
mod flag;
mod gcounter;
mod gset;
mod kind;
mod lww_register;
mod ormap;
mod orset;
mod pncounter;
mod register_map;
pub(crate) mod replicated;
#[cfg(test)]
mod tests;
mod vote;

pub use any_crdt::AnyCrdt;
pub use counter_map::PNCounterMap;
pub use error::CrdtError;
pub use flag::Flag;
pub use gcounter::GCounter;
pub use gset::GSet;
pub use kind::CrdtType;
pub use lww_register::{Clock, LWWRegister};
pub use ormap::ORMap;
pub use orset::ORSet;
pub use pncounter::PNCounter;
pub use register_map::LWWRegisterMap;
pub use vote::Vote;

use replicated::Replicated;

/// A replicated data type: one of those in [this module](self).
///
/// The list is closed, because the protocol has no other types.
pub trait Crdt: Replicated {}

#[diagnostic::do_not_recommend]
impl<T: Replicated> Crdt for T {}
