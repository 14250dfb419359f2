//! Values without any bookkeeping, and what the protocol says deltas do to them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta, OrMapDelta, OrMapEntryDelta,
        OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
    },
};

use crate::{
    Payload,
    crdt::{AnyCrdt, CrdtType, replicated::message},
};

/// A value; elements and keys as they are encoded.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    GCounter(u64),
    PNCounter(i64),
    GSet(BTreeSet<Bytes>),
    ORSet(BTreeSet<Bytes>),
    LWWRegister(Bytes),
    Flag(bool),
    ORMap(BTreeMap<Bytes, Value>),
    Vote {
        self_vote: bool,
        votes_for: i32,
        voters: i32,
    },
}

/// How to get from one value to another.
pub(super) enum Step {
    Nothing,
    Delta(Delta),
    /// Not by a delta of the type, because the value must shrink: only a map can do it, by a new entry.
    Replacement,
}

impl Value {
    /// What a user of the value sees.
    pub(super) fn read(value: &AnyCrdt) -> Self {
        match value {
            AnyCrdt::GCounter(counter) => Self::GCounter(counter.value()),
            AnyCrdt::PNCounter(counter) => Self::PNCounter(counter.value()),
            AnyCrdt::GSet(set) => Self::GSet(set.iter().map(Payload::encode).collect()),
            AnyCrdt::ORSet(set) => Self::ORSet(set.iter().map(Payload::encode).collect()),
            AnyCrdt::LWWRegister(register) => Self::LWWRegister(register.get().encode()),
            AnyCrdt::Flag(flag) => Self::Flag(flag.is_enabled()),
            AnyCrdt::ORMap(map) => Self::ORMap(
                map.iter()
                    .map(|(key, value)| (key.encode(), Self::read(value)))
                    .collect(),
            ),
            AnyCrdt::Vote(vote) => Self::Vote {
                self_vote: vote.self_vote(),
                votes_for: vote.votes_for() as i32,
                voters: vote.voters() as i32,
            },
        }
    }

    pub(super) fn empty(crdt_type: CrdtType) -> Self {
        match crdt_type {
            CrdtType::GCounter => Self::GCounter(0),
            CrdtType::PNCounter => Self::PNCounter(0),
            CrdtType::GSet => Self::GSet(BTreeSet::new()),
            CrdtType::ORSet => Self::ORSet(BTreeSet::new()),
            CrdtType::LWWRegister => Self::LWWRegister(Bytes::new()),
            CrdtType::Flag => Self::Flag(false),
            CrdtType::ORMap => Self::ORMap(BTreeMap::new()),
            CrdtType::Vote => Self::Vote {
                self_vote: false,
                votes_for: 0,
                voters: 1,
            },
        }
    }

    /// What a delta of a user function makes of the value, in the order that the protocol has: cleared, removed, updated,
    /// added.
    pub(super) fn change(&mut self, delta: &Delta) {
        match (self, delta) {
            (Self::GCounter(value), Delta::Gcounter(delta)) => *value += delta.increment,
            (Self::PNCounter(value), Delta::Pncounter(delta)) => *value += delta.change,
            (Self::GSet(set), Delta::Gset(delta)) => {
                for any in &delta.added {
                    assert!(set.insert(any.value.clone()), "sent what was there");
                }
            }
            (Self::ORSet(set), Delta::Orset(delta)) => {
                if delta.cleared {
                    set.clear();
                }
                for any in &delta.removed {
                    assert!(set.remove(&any.value), "removed what was not there");
                }
                for any in &delta.added {
                    assert!(set.insert(any.value.clone()), "sent what was there");
                }
            }
            (Self::LWWRegister(value), Delta::Lwwregister(delta)) => {
                *value = delta.value.as_ref().unwrap().value.clone();
            }
            (Self::Flag(value), Delta::Flag(delta)) => *value |= delta.value,
            (Self::ORMap(map), Delta::Ormap(delta)) => change_map(map, delta),
            (
                Self::Vote {
                    self_vote,
                    votes_for,
                    ..
                },
                Delta::Vote(delta),
            ) => {
                *votes_for += i32::from(delta.self_vote) - i32::from(*self_vote);
                *self_vote = delta.self_vote;
            }
            (value, delta) => panic!("{delta:?} for {value:?}"),
        }
    }

    /// What the proxy sends a user function that has this value, so that it has `other`.
    pub(super) fn step_to(&self, other: &Self) -> Step {
        if self == other {
            return Step::Nothing;
        }
        match (self, other) {
            (Self::GCounter(from), Self::GCounter(to)) if from < to => {
                let increment = to - from;
                Step::Delta(Delta::Gcounter(GCounterDelta { increment }))
            }
            (Self::PNCounter(from), Self::PNCounter(to)) => {
                let change = to - from;
                Step::Delta(Delta::Pncounter(PnCounterDelta { change }))
            }
            (Self::GSet(from), Self::GSet(to)) if from.is_subset(to) => {
                let added = anys(to.difference(from));
                Step::Delta(Delta::Gset(GSetDelta { added }))
            }
            (Self::ORSet(from), Self::ORSet(to)) => {
                let cleared = from.is_disjoint(to) && !from.is_empty();
                let removed = if cleared {
                    Vec::new()
                } else {
                    anys(from.difference(to))
                };
                Step::Delta(Delta::Orset(OrSetDelta {
                    cleared,
                    removed,
                    added: anys(to.difference(from)),
                }))
            }
            (Self::LWWRegister(_), Self::LWWRegister(_))
            | (Self::Vote { .. }, Self::Vote { .. })
            | (Self::Flag(false), Self::Flag(true)) => Step::Delta(other.whole()),
            (Self::ORMap(from), Self::ORMap(to)) => Step::Delta(step_of_map(from, to)),
            _ => Step::Replacement,
        }
    }

    /// The value as the proxy sends it to a user function that knows nothing.
    pub(super) fn whole(&self) -> Delta {
        match self {
            Self::GCounter(value) => Delta::Gcounter(GCounterDelta { increment: *value }),
            Self::PNCounter(value) => Delta::Pncounter(PnCounterDelta { change: *value }),
            Self::GSet(set) => Delta::Gset(GSetDelta { added: anys(set) }),
            Self::ORSet(set) => Delta::Orset(OrSetDelta {
                added: anys(set),
                ..OrSetDelta::default()
            }),
            Self::LWWRegister(value) => Delta::Lwwregister(LwwRegisterDelta {
                value: Some(any(value)),
                ..LwwRegisterDelta::default()
            }),
            Self::Flag(value) => Delta::Flag(FlagDelta { value: *value }),
            Self::ORMap(map) => step_of_map(&BTreeMap::new(), map),
            Self::Vote {
                self_vote,
                votes_for,
                voters,
            } => Delta::Vote(VoteDelta {
                self_vote: *self_vote,
                votes_for: *votes_for,
                total_voters: *voters,
            }),
        }
    }
}

fn change_map(map: &mut BTreeMap<Bytes, Value>, delta: &OrMapDelta) {
    if delta.cleared {
        map.clear();
    }
    for key in &delta.removed {
        assert!(
            map.remove(&key.value).is_some(),
            "removed what was not there"
        );
    }
    for entry in &delta.updated {
        let (key, delta) = parts(entry);
        map.get_mut(key)
            .expect("updates what is there")
            .change(delta);
    }
    for entry in &delta.added {
        let (key, delta) = parts(entry);
        let mut value = Value::empty(CrdtType::of(delta));
        value.change(delta);
        let before = map.insert(key.clone(), value);
        assert!(before.is_none(), "added what was there");
    }
}

fn step_of_map(from: &BTreeMap<Bytes, Value>, to: &BTreeMap<Bytes, Value>) -> Delta {
    let mut delta = OrMapDelta {
        cleared: !from.is_empty() && !from.keys().any(|key| to.contains_key(key)),
        ..OrMapDelta::default()
    };
    if !delta.cleared {
        let removed = from.keys().filter(|key| !to.contains_key(*key));
        delta.removed = anys(removed);
    }
    for (key, value) in to {
        let step = match from.get(key) {
            Some(before) => before.step_to(value),
            None => Step::Replacement,
        };
        match step {
            Step::Nothing => {}
            Step::Delta(step) => delta.updated.push(entry(key, step)),
            Step::Replacement => delta.added.push(entry(key, value.whole())),
        }
    }
    Delta::Ormap(delta)
}

pub(super) fn parts(entry: &OrMapEntryDelta) -> (&Bytes, &Delta) {
    let key = &entry.key.as_ref().unwrap().value;
    let delta = entry.delta.as_ref().unwrap();
    (key, delta.delta.as_ref().unwrap())
}

fn entry(key: &Bytes, delta: Delta) -> OrMapEntryDelta {
    OrMapEntryDelta {
        key: Some(any(key)),
        delta: Some(message(delta)),
    }
}

fn anys<'a>(encoded: impl IntoIterator<Item = &'a Bytes>) -> Vec<Any> {
    encoded.into_iter().map(any).collect()
}

fn any(encoded: &Bytes) -> Any {
    Any {
        type_url: String::type_url(),
        value: encoded.clone(),
    }
}
