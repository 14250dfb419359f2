//! The types that the protocol has.

use std::fmt;

use cloudstate_protocol::cloudstate::crdt::crdt_delta::Delta;

/// A replicated data type of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrdtType {
    /// [`GCounter`](super::GCounter).
    GCounter,
    /// [`PNCounter`](super::PNCounter).
    PNCounter,
    /// [`GSet`](super::GSet).
    GSet,
    /// [`ORSet`](super::ORSet).
    ORSet,
    /// [`LWWRegister`](super::LWWRegister).
    LWWRegister,
    /// [`Flag`](super::Flag).
    Flag,
    /// [`ORMap`](super::ORMap), and the maps made of it.
    ORMap,
    /// [`Vote`](super::Vote).
    Vote,
}

impl CrdtType {
    /// The type that a delta is a change of.
    pub(super) fn of(delta: &Delta) -> Self {
        match delta {
            Delta::Gcounter(_) => Self::GCounter,
            Delta::Pncounter(_) => Self::PNCounter,
            Delta::Gset(_) => Self::GSet,
            Delta::Orset(_) => Self::ORSet,
            Delta::Lwwregister(_) => Self::LWWRegister,
            Delta::Flag(_) => Self::Flag,
            Delta::Ormap(_) => Self::ORMap,
            Delta::Vote(_) => Self::Vote,
        }
    }
}

impl fmt::Display for CrdtType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
