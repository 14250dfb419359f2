//! The eight types, and their join.

use std::{collections::BTreeMap, fmt};

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{CrdtDelta, crdt_delta::Delta},
};

use super::{
    dot::{Dots, Seen},
    element::Element,
};

/// Which of the eight types of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A counter that only grows.
    GCounter,
    /// A counter that grows and shrinks.
    PnCounter,
    /// A set that only grows.
    GSet,
    /// A set with removal of what was observed.
    OrSet,
    /// A register that keeps the last write.
    LwwRegister,
    /// A boolean that is only ever switched on.
    Flag,
    /// A map of CRDTs.
    OrMap,
    /// The votes of the replicas.
    Vote,
}

impl Kind {
    /// All of them, in the order of the protocol's fields.
    pub const ALL: [Self; 8] = [
        Self::GCounter,
        Self::PnCounter,
        Self::GSet,
        Self::OrSet,
        Self::LwwRegister,
        Self::Flag,
        Self::OrMap,
        Self::Vote,
    ];

    /// The type that a delta belongs to, if it says one.
    pub fn of(delta: &CrdtDelta) -> Option<Self> {
        Some(match delta.delta.as_ref()? {
            Delta::Gcounter(_) => Self::GCounter,
            Delta::Pncounter(_) => Self::PnCounter,
            Delta::Gset(_) => Self::GSet,
            Delta::Orset(_) => Self::OrSet,
            Delta::Lwwregister(_) => Self::LwwRegister,
            Delta::Flag(_) => Self::Flag,
            Delta::Ormap(_) => Self::OrMap,
            Delta::Vote(_) => Self::Vote,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GCounter => "GCounter",
            Self::PnCounter => "PNCounter",
            Self::GSet => "GSet",
            Self::OrSet => "ORSet",
            Self::LwwRegister => "LWWRegister",
            Self::Flag => "Flag",
            Self::OrMap => "ORMap",
            Self::Vote => "Vote",
        })
    }
}

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// What each replica has counted in all.
    GCounter(Dots<u64>),
    /// What each replica has counted in all, up less down.
    PnCounter(Dots<i64>),
    GSet(Elements),
    OrSet(Elements),
    /// The writes of which none has seen the others.
    LwwRegister(Dots<Write>),
    /// The changes that have switched it on.
    Flag(Dots<()>),
    OrMap(Entries),
    /// The replicas that vote for it.
    Vote(Dots<()>),
}

pub(super) type Elements = BTreeMap<Element, Dots<()>>;

/// A key may have a value of each type while replicas that have not met disagree about it; the first one counts.
pub(super) type Entries = BTreeMap<(Element, Kind), Entry>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// Later is greater, whatever the clock.
    pub(super) timestamp: i64,
    pub(super) value: Any,
}

/// An entry is there while `present` has a dot. Every change of its data is a dot there too, so that an update wins over
/// a removal that has not seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) present: Dots<()>,
    pub(super) data: Data,
}

impl Data {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::GCounter => Self::GCounter(Dots::default()),
            Kind::PnCounter => Self::PnCounter(Dots::default()),
            Kind::GSet => Self::GSet(Elements::new()),
            Kind::OrSet => Self::OrSet(Elements::new()),
            Kind::LwwRegister => Self::LwwRegister(Dots::default()),
            Kind::Flag => Self::Flag(Dots::default()),
            Kind::OrMap => Self::OrMap(Entries::new()),
            Kind::Vote => Self::Vote(Dots::default()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::GCounter(_) => Kind::GCounter,
            Self::PnCounter(_) => Kind::PnCounter,
            Self::GSet(_) => Kind::GSet,
            Self::OrSet(_) => Kind::OrSet,
            Self::LwwRegister(_) => Kind::LwwRegister,
            Self::Flag(_) => Kind::Flag,
            Self::OrMap(_) => Kind::OrMap,
            Self::Vote(_) => Kind::Vote,
        }
    }

    /// Takes in another copy of the same type. `seen` and `their_seen` are what the two had seen before.
    pub(super) fn join(&mut self, seen: &Seen, theirs: &Self, their_seen: &Seen) {
        match (self, theirs) {
            (Self::GCounter(mine), Self::GCounter(theirs)) => mine.join(seen, theirs, their_seen),
            (Self::PnCounter(mine), Self::PnCounter(theirs)) => mine.join(seen, theirs, their_seen),
            (Self::GSet(mine), Self::GSet(theirs)) | (Self::OrSet(mine), Self::OrSet(theirs)) => {
                join_elements(mine, seen, theirs, their_seen);
            }
            (Self::LwwRegister(mine), Self::LwwRegister(theirs)) => {
                mine.join(seen, theirs, their_seen);
            }
            (Self::Flag(mine), Self::Flag(theirs)) | (Self::Vote(mine), Self::Vote(theirs)) => {
                mine.join(seen, theirs, their_seen);
            }
            (Self::OrMap(mine), Self::OrMap(theirs)) => {
                join_entries(mine, seen, theirs, their_seen);
            }
            (mine, theirs) => debug_assert_eq!(mine.kind(), theirs.kind(), "checked by callers"),
        }
    }
}

fn join_elements(mine: &mut Elements, seen: &Seen, theirs: &Elements, their_seen: &Seen) {
    let none = Dots::default();
    mine.retain(|element, dots| {
        dots.join(seen, theirs.get(element).unwrap_or(&none), their_seen);
        !dots.is_empty()
    });
    for (element, dots) in theirs {
        // Those of both are joined already.
        if !mine.contains_key(element) {
            let mut new = Dots::default();
            new.join(seen, dots, their_seen);
            if !new.is_empty() {
                mine.insert(element.clone(), new);
            }
        }
    }
}

fn join_entries(mine: &mut Entries, seen: &Seen, theirs: &Entries, their_seen: &Seen) {
    mine.retain(|slot, entry| {
        match theirs.get(slot) {
            Some(their) => entry.join(seen, their, their_seen),
            None => entry.join(seen, &Entry::new(slot.1), their_seen),
        }
        !entry.present.is_empty()
    });
    for (slot, their) in theirs {
        if !mine.contains_key(slot) {
            let mut new = Entry::new(slot.1);
            new.join(seen, their, their_seen);
            if !new.present.is_empty() {
                mine.insert(slot.clone(), new);
            }
        }
    }
}

impl Entry {
    /// One that is not there.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            present: Dots::default(),
            data: Data::new(kind),
        }
    }

    fn join(&mut self, seen: &Seen, theirs: &Self, their_seen: &Seen) {
        self.present.join(seen, &theirs.present, their_seen);
        self.data.join(seen, &theirs.data, their_seen);
    }
}

/// The keys of a map, each with the data that counts.
pub(super) fn effective(entries: &Entries) -> impl Iterator<Item = (&Element, &Data)> {
    let mut last: Option<&Element> = None;
    entries.iter().filter_map(move |((key, _), entry)| {
        // A register whose every write was removed elsewhere has no value to show.
        let blank = matches!(&entry.data, Data::LwwRegister(writes) if writes.is_empty());
        if blank || last == Some(key) {
            return None;
        }
        last = Some(key);
        Some((key, &entry.data))
    })
}
