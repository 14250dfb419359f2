//! The proxy's side of a value: state that merges in any order, any number of times.
//!
//! The deltas of the protocol are the differences between what a user function knows and what its proxy knows. They
//! converge because the proxies' states do, so the tests need those.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::{CrdtClock, LwwRegisterDelta, crdt_delta::Delta};

use super::value::{Value, parts};
use crate::crdt::CrdtType;

/// A node, and how far its clocks are.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) number: usize,
    pub(super) nodes: usize,
    /// Of this node's tags and votes.
    pub(super) count: u64,
    /// Shared by all nodes as far as they have heard of each other.
    pub(super) time: i64,
}

/// The number of the node and a number of its own.
type Tag = (usize, u64);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    GCounter(BTreeMap<usize, u64>),
    /// What was added and what was subtracted, by node.
    PNCounter(BTreeMap<usize, (u64, u64)>),
    GSet(BTreeSet<Bytes>),
    ORSet(Tagged<()>),
    LWWRegister {
        stamp: (i64, usize),
        value: Bytes,
    },
    Flag(bool),
    ORMap(Tagged<State>),
    /// By node, with the number of times it has voted.
    Vote(BTreeMap<usize, (u64, bool)>),
}

/// Every addition has a tag; a removal removes the tags that it has seen, for good.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tagged<S> {
    live: BTreeMap<Bytes, BTreeMap<Tag, S>>,
    dead: BTreeSet<Tag>,
}

impl Node {
    fn next_tag(&mut self) -> Tag {
        self.count += 1;
        (self.number, self.count)
    }
}

impl State {
    pub(super) fn empty(crdt_type: CrdtType) -> Self {
        match crdt_type {
            CrdtType::GCounter => Self::GCounter(BTreeMap::new()),
            CrdtType::PNCounter => Self::PNCounter(BTreeMap::new()),
            CrdtType::GSet => Self::GSet(BTreeSet::new()),
            CrdtType::ORSet => Self::ORSet(Tagged::new()),
            CrdtType::LWWRegister => Self::LWWRegister {
                stamp: (i64::MIN, 0),
                value: Bytes::new(),
            },
            CrdtType::Flag => Self::Flag(false),
            CrdtType::ORMap => Self::ORMap(Tagged::new()),
            CrdtType::Vote => Self::Vote(BTreeMap::new()),
        }
    }

    /// Takes a change that this node's user function made.
    pub(super) fn update(&mut self, delta: &Delta, node: &mut Node) {
        match (self, delta) {
            (Self::GCounter(counts), Delta::Gcounter(delta)) => {
                *counts.entry(node.number).or_default() += delta.increment;
            }
            (Self::PNCounter(counts), Delta::Pncounter(delta)) => {
                let (up, down) = counts.entry(node.number).or_default();
                let by = delta.change.unsigned_abs();
                *(if delta.change > 0 { up } else { down }) += by;
            }
            (Self::GSet(set), Delta::Gset(delta)) => {
                set.extend(delta.added.iter().map(|any| any.value.clone()));
            }
            (Self::ORSet(set), Delta::Orset(delta)) => {
                if delta.cleared {
                    set.clear();
                }
                for any in &delta.removed {
                    set.remove(&any.value);
                }
                for any in &delta.added {
                    set.put(&any.value, (), node);
                }
            }
            (Self::LWWRegister { stamp, value }, Delta::Lwwregister(delta)) => {
                let written = (time_of(delta, stamp.0, node), node.number);
                if written > *stamp {
                    *stamp = written;
                    *value = delta.value.as_ref().unwrap().value.clone();
                }
            }
            (Self::Flag(enabled), Delta::Flag(delta)) => *enabled |= delta.value,
            (Self::ORMap(map), Delta::Ormap(delta)) => {
                if delta.cleared {
                    map.clear();
                }
                for any in &delta.removed {
                    map.remove(&any.value);
                }
                for entry in &delta.updated {
                    let (key, delta) = parts(entry);
                    if let Some(mut value) = map.merged(key) {
                        value.update(delta, node);
                        map.put(key, value, node);
                    }
                }
                for entry in &delta.added {
                    let (key, delta) = parts(entry);
                    let mut value = Self::empty(CrdtType::of(delta));
                    value.update(delta, node);
                    map.put(key, value, node);
                }
            }
            (Self::Vote(votes), Delta::Vote(delta)) => {
                let vote = (node.next_tag().1, delta.self_vote);
                votes.insert(node.number, vote);
            }
            (state, delta) => panic!("{delta:?} for {state:?}"),
        }
    }

    /// Takes what another node knows.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::GCounter(counts), Self::GCounter(others)) => {
                for (node, count) in others {
                    let known = counts.entry(*node).or_default();
                    *known = (*known).max(*count);
                }
            }
            (Self::PNCounter(counts), Self::PNCounter(others)) => {
                for (node, (up, down)) in others {
                    let known = counts.entry(*node).or_default();
                    *known = (known.0.max(*up), known.1.max(*down));
                }
            }
            (Self::GSet(set), Self::GSet(others)) => set.extend(others.iter().cloned()),
            (Self::ORSet(set), Self::ORSet(others)) => set.merge(others, |(), ()| {}),
            (
                Self::LWWRegister { stamp, value },
                Self::LWWRegister {
                    stamp: other_stamp,
                    value: other_value,
                },
            ) => {
                if (other_stamp, other_value) > (&*stamp, &*value) {
                    *stamp = *other_stamp;
                    *value = other_value.clone();
                }
            }
            (Self::Flag(enabled), Self::Flag(other)) => *enabled |= other,
            (Self::ORMap(map), Self::ORMap(others)) => map.merge(others, Self::merge),
            (Self::Vote(votes), Self::Vote(others)) => {
                for (node, vote) in others {
                    let known = votes.entry(*node).or_default();
                    *known = (*known).max(*vote);
                }
            }
            (state, other) => panic!("{other:?} for {state:?}"),
        }
    }

    /// The value as it is seen on a node.
    pub(super) fn value(&self, node: &Node) -> Value {
        match self {
            Self::GCounter(counts) => Value::GCounter(counts.values().sum()),
            Self::PNCounter(counts) => {
                let changes = counts.values().map(|(up, down)| *up as i64 - *down as i64);
                Value::PNCounter(changes.sum())
            }
            Self::GSet(set) => Value::GSet(set.clone()),
            Self::ORSet(set) => Value::ORSet(set.live.keys().cloned().collect()),
            Self::LWWRegister { value, .. } => Value::LWWRegister(value.clone()),
            Self::Flag(enabled) => Value::Flag(*enabled),
            Self::ORMap(map) => {
                let keys = map.live.keys();
                let entries = keys.filter_map(|key| Some((key.clone(), map.merged(key)?)));
                Value::ORMap(
                    entries
                        .map(|(key, state)| (key, state.value(node)))
                        .collect(),
                )
            }
            Self::Vote(votes) => Value::Vote {
                self_vote: votes.get(&node.number).is_some_and(|(_, vote)| *vote),
                votes_for: votes.values().filter(|(_, vote)| *vote).count() as i32,
                voters: node.nodes as i32,
            },
        }
    }
}

impl<S: Clone> Tagged<S> {
    fn new() -> Self {
        Self {
            live: BTreeMap::new(),
            dead: BTreeSet::new(),
        }
    }

    fn remove(&mut self, key: &Bytes) {
        let tags = self.live.remove(key).into_iter().flatten();
        self.dead.extend(tags.map(|(tag, _)| tag));
    }

    fn clear(&mut self) {
        let keys: Vec<_> = self.live.keys().cloned().collect();
        for key in keys {
            self.remove(&key);
        }
    }

    fn put(&mut self, key: &Bytes, state: S, node: &mut Node) {
        self.remove(key);
        let tag = node.next_tag();
        self.live
            .insert(key.clone(), BTreeMap::from([(tag, state)]));
    }

    fn merge(&mut self, other: &Self, merge_states: impl Fn(&mut S, &S)) {
        self.dead.extend(&other.dead);
        for (key, tags) in &other.live {
            let known = self.live.entry(key.clone()).or_default();
            for (tag, state) in tags {
                match known.get_mut(tag) {
                    Some(mine) => merge_states(mine, state),
                    None => {
                        known.insert(*tag, state.clone());
                    }
                }
            }
        }
        let dead = &self.dead;
        self.live.retain(|_, tags| {
            tags.retain(|tag, _| !dead.contains(tag));
            !tags.is_empty()
        });
    }
}

impl Tagged<State> {
    fn merged(&self, key: &Bytes) -> Option<State> {
        let mut states = self.live.get(key)?.values();
        let mut merged = states.next()?.clone();
        for state in states {
            merged.merge(state);
        }
        Some(merged)
    }
}

/// When a write counts as written, if the last one that this node knows was at `last`.
fn time_of(delta: &LwwRegisterDelta, last: i64, node: &mut Node) -> i64 {
    node.time += 1;
    let custom = delta.custom_clock_value;
    match delta.clock() {
        CrdtClock::Default => node.time,
        CrdtClock::Reverse => -node.time,
        CrdtClock::Custom => custom,
        CrdtClock::CustomAutoIncrement => custom.max(last.saturating_add(1)),
    }
}
