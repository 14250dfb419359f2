//! The plain value, as a user function sees it, and what it is as a delta.

use std::collections::{BTreeMap, BTreeSet};

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        CrdtDelta, FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta, OrMapDelta,
        OrMapEntryDelta, OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
    },
};
use prost::Message;

use super::{
    Cluster,
    data::{Data, Elements, effective},
    dot::Dots,
    element::Element,
    update::latest,
};

/// A value of one of the eight types.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the types are those of `Kind`")]
pub enum Value {
    GCounter(u64),
    PnCounter(i64),
    GSet(BTreeSet<Element>),
    OrSet(BTreeSet<Element>),
    LwwRegister(Any),
    Flag(bool),
    OrMap(BTreeMap<Element, Value>),
    Vote(Votes),
}

/// How a vote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Whether this replica votes for it.
    pub own: bool,
    /// How many members vote for it.
    pub votes_for: usize,
    /// How many members there are.
    pub voters: usize,
}

impl Value {
    pub(super) fn of(data: &Data, cluster: &Cluster) -> Option<Self> {
        Some(match data {
            Data::GCounter(counts) => Self::GCounter(
                counts
                    .iter()
                    .fold(0, |sum: u64, dotted| sum.saturating_add(dotted.value)),
            ),
            Data::PnCounter(counts) => {
                let sum: i128 = counts.iter().map(|dotted| i128::from(dotted.value)).sum();
                let bounded = sum.clamp(i64::MIN.into(), i64::MAX.into());
                Self::PnCounter(i64::try_from(bounded).unwrap_or_default())
            }
            Data::GSet(elements) => Self::GSet(elements.keys().cloned().collect()),
            Data::OrSet(elements) => Self::OrSet(elements.keys().cloned().collect()),
            Data::LwwRegister(writes) => Self::LwwRegister(latest(writes)?.value.clone()),
            Data::Flag(enabled) => Self::Flag(!enabled.is_empty()),
            Data::OrMap(entries) => Self::OrMap(
                effective(entries)
                    .filter_map(|(key, data)| Some((key.clone(), Self::of(data, cluster)?)))
                    .collect(),
            ),
            Data::Vote(votes) => Self::Vote(tally(votes, cluster)),
        })
    }

    /// The delta that makes this value of an empty one.
    pub fn into_delta(self) -> CrdtDelta {
        let delta = match self {
            Self::GCounter(increment) => Delta::Gcounter(GCounterDelta { increment }),
            Self::PnCounter(change) => Delta::Pncounter(PnCounterDelta { change }),
            Self::GSet(elements) => Delta::Gset(GSetDelta {
                added: payloads(elements),
            }),
            Self::OrSet(elements) => Delta::Orset(OrSetDelta {
                added: payloads(elements),
                ..OrSetDelta::default()
            }),
            Self::LwwRegister(value) => Delta::Lwwregister(LwwRegisterDelta {
                value: Some(value),
                ..LwwRegisterDelta::default()
            }),
            Self::Flag(value) => Delta::Flag(FlagDelta { value }),
            Self::OrMap(entries) => Delta::Ormap(OrMapDelta {
                added: entries
                    .into_iter()
                    .map(|(key, value)| entry(key, value.into_delta()))
                    .collect(),
                ..OrMapDelta::default()
            }),
            Self::Vote(votes) => Delta::Vote(votes.to_wire()),
        };
        CrdtDelta { delta: Some(delta) }
    }
}

impl Votes {
    pub(super) fn to_wire(self) -> VoteDelta {
        let count = |number| i32::try_from(number).unwrap_or(i32::MAX);
        VoteDelta {
            self_vote: self.own,
            votes_for: count(self.votes_for),
            total_voters: count(self.voters),
        }
    }
}

/// A replica that is no member has no vote.
fn tally(votes: &Dots<()>, cluster: &Cluster) -> Votes {
    let members = &cluster.members;
    Votes {
        own: votes.of(cluster.this).is_some(),
        votes_for: members
            .iter()
            .filter(|&&member| votes.of(member).is_some())
            .count(),
        voters: members.len(),
    }
}

pub(super) fn payloads(elements: impl IntoIterator<Item = Element>) -> Vec<Any> {
    elements.into_iter().map(Element::into_payload).collect()
}

pub(super) fn entry(key: Element, delta: CrdtDelta) -> OrMapEntryDelta {
    OrMapEntryDelta {
        key: Some(key.into_payload()),
        delta: Some(delta),
    }
}

/// A tag of one byte and a length of up to five.
const FRAME: usize = 6;
/// Any number: a tag of one byte and ten bytes.
const NUMBER: usize = 11;

impl Data {
    /// At most how many bytes the value takes as a delta.
    pub(super) fn delta_len(&self) -> usize {
        let elements_len = |elements: &Elements| -> usize {
            elements
                .keys()
                .map(|key| FRAME + key.payload().encoded_len())
                .sum()
        };
        FRAME
            + match self {
                Self::GCounter(_) | Self::PnCounter(_) | Self::Flag(_) => NUMBER,
                Self::Vote(_) => 3 * NUMBER,
                Self::GSet(elements) | Self::OrSet(elements) => elements_len(elements),
                Self::LwwRegister(writes) => {
                    latest(writes).map_or(0, |write| FRAME + write.value.encoded_len())
                }
                Self::OrMap(entries) => effective(entries)
                    .map(|(key, data)| 3 * FRAME + key.payload().encoded_len() + data.delta_len())
                    .sum(),
            }
    }
}
