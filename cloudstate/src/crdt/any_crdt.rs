//! A replicated value whose type is chosen at run time.

use cloudstate_protocol::cloudstate::crdt::crdt_delta::Delta;

use super::{
    CrdtError, CrdtType, Flag, GCounter, GSet, LWWRegister, ORMap, ORSet, PNCounter, Vote,
    replicated::Replicated,
};
use crate::Payload;

/// A replicated value of a type that is chosen at run time: by the entity's id, or by the key in a map.
///
/// `T` is the type of elements and of registers' values, `K` that of keys. The values of a map are an `AnyCrdt` again.
/// A value keeps its type: a delta of another type is an error.
///
/// ```
/// use cloudstate::crdt::{AnyCrdt, CrdtType};
///
/// let mut value = AnyCrdt::<String>::new(CrdtType::Flag);
/// if let AnyCrdt::Flag(flag) = &mut value {
///     flag.enable();
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum AnyCrdt<T = String, K = String> {
    /// A counter that grows.
    GCounter(GCounter),
    /// A counter that grows and shrinks.
    PNCounter(PNCounter),
    /// A set that grows.
    GSet(GSet<T>),
    /// A set with removal.
    ORSet(ORSet<T>),
    /// One value, of which the last write counts.
    LWWRegister(LWWRegister<T>),
    /// A boolean that is switched on once.
    Flag(Flag),
    /// A map of replicated values.
    ORMap(ORMap<K, AnyCrdt<T, K>>),
    /// One vote per node.
    Vote(Vote),
}

impl<T: Payload + Default, K> AnyCrdt<T, K> {
    /// The value that a type begins with.
    pub fn new(crdt_type: CrdtType) -> Self {
        match crdt_type {
            CrdtType::GCounter => Self::GCounter(GCounter::default()),
            CrdtType::PNCounter => Self::PNCounter(PNCounter::default()),
            CrdtType::GSet => Self::GSet(GSet::default()),
            CrdtType::ORSet => Self::ORSet(ORSet::default()),
            CrdtType::LWWRegister => Self::LWWRegister(LWWRegister::default()),
            CrdtType::Flag => Self::Flag(Flag::default()),
            CrdtType::ORMap => Self::ORMap(ORMap::default()),
            CrdtType::Vote => Self::Vote(Vote::default()),
        }
    }
}

impl<T, K> AnyCrdt<T, K> {
    /// The type that was chosen.
    pub fn crdt_type(&self) -> CrdtType {
        match self {
            Self::GCounter(_) => CrdtType::GCounter,
            Self::PNCounter(_) => CrdtType::PNCounter,
            Self::GSet(_) => CrdtType::GSet,
            Self::ORSet(_) => CrdtType::ORSet,
            Self::LWWRegister(_) => CrdtType::LWWRegister,
            Self::Flag(_) => CrdtType::Flag,
            Self::ORMap(_) => CrdtType::ORMap,
            Self::Vote(_) => CrdtType::Vote,
        }
    }
}

/// Evaluates an expression for the value, whatever its type is.
macro_rules! with_value {
    ($any:expr, $value:ident => $result:expr) => {
        match $any {
            AnyCrdt::GCounter($value) => $result,
            AnyCrdt::PNCounter($value) => $result,
            AnyCrdt::GSet($value) => $result,
            AnyCrdt::ORSet($value) => $result,
            AnyCrdt::LWWRegister($value) => $result,
            AnyCrdt::Flag($value) => $result,
            AnyCrdt::ORMap($value) => $result,
            AnyCrdt::Vote($value) => $result,
        }
    };
}

impl<T: Payload, K: Payload> Replicated for AnyCrdt<T, K> {
    fn delta(&self) -> Option<Delta> {
        with_value!(self, value => value.delta())
    }

    fn whole(&self) -> Delta {
        with_value!(self, value => value.whole())
    }

    fn is_attached(&self) -> bool {
        with_value!(self, value => value.is_attached())
    }

    fn settle(&mut self) {
        with_value!(self, value => value.settle());
    }

    fn roll_back(&mut self) {
        with_value!(self, value => value.roll_back());
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        with_value!(self, value => value.apply(delta))
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        Ok(match CrdtType::of(&delta) {
            CrdtType::GCounter => Self::GCounter(GCounter::from_delta(delta)?),
            CrdtType::PNCounter => Self::PNCounter(PNCounter::from_delta(delta)?),
            CrdtType::GSet => Self::GSet(GSet::from_delta(delta)?),
            CrdtType::ORSet => Self::ORSet(ORSet::from_delta(delta)?),
            CrdtType::LWWRegister => Self::LWWRegister(LWWRegister::from_delta(delta)?),
            CrdtType::Flag => Self::Flag(Flag::from_delta(delta)?),
            CrdtType::ORMap => Self::ORMap(ORMap::from_delta(delta)?),
            CrdtType::Vote => Self::Vote(Vote::from_delta(delta)?),
        })
    }

    fn reload(&mut self, delta: Delta) -> Result<(), CrdtError> {
        with_value!(self, value => value.reload(delta))
    }
}
