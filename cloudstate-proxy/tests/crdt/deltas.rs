//! Deltas: short ways to write them, and generated ones.

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        CrdtClock, CrdtDelta, FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta, OrMapDelta,
        OrMapEntryDelta, OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
    },
};
use cloudstate_proxy::crdt::Kind;
use proptest::{collection::vec, prelude::*, sample::select};

pub(crate) fn text(text: &str) -> Any {
    Any::primitive(&text.to_owned())
}

fn texts(elements: &[&str]) -> Vec<Any> {
    elements.iter().map(|element| text(element)).collect()
}

fn delta(delta: Delta) -> CrdtDelta {
    CrdtDelta { delta: Some(delta) }
}

pub(crate) fn gcounter(increment: u64) -> CrdtDelta {
    delta(Delta::Gcounter(GCounterDelta { increment }))
}

pub(crate) fn pncounter(change: i64) -> CrdtDelta {
    delta(Delta::Pncounter(PnCounterDelta { change }))
}

pub(crate) fn gset(added: &[&str]) -> CrdtDelta {
    let added = texts(added);
    delta(Delta::Gset(GSetDelta { added }))
}

pub(crate) fn orset(cleared: bool, removed: &[&str], added: &[&str]) -> CrdtDelta {
    delta(Delta::Orset(OrSetDelta {
        cleared,
        removed: texts(removed),
        added: texts(added),
    }))
}

pub(crate) fn register(value: &str, clock: CrdtClock, custom_clock_value: i64) -> CrdtDelta {
    delta(Delta::Lwwregister(LwwRegisterDelta {
        value: Some(text(value)),
        clock: clock.into(),
        custom_clock_value,
    }))
}

pub(crate) fn flag(value: bool) -> CrdtDelta {
    delta(Delta::Flag(FlagDelta { value }))
}

pub(crate) fn vote(self_vote: bool) -> CrdtDelta {
    delta(Delta::Vote(VoteDelta {
        self_vote,
        ..VoteDelta::default()
    }))
}

pub(crate) fn tally(self_vote: bool, votes_for: i32, total_voters: i32) -> CrdtDelta {
    delta(Delta::Vote(VoteDelta {
        self_vote,
        votes_for,
        total_voters,
    }))
}

pub(crate) fn ormap(
    cleared: bool,
    removed: &[&str],
    updated: Vec<(&str, CrdtDelta)>,
    added: Vec<(&str, CrdtDelta)>,
) -> CrdtDelta {
    let entries = |entries: Vec<(&str, CrdtDelta)>| {
        entries
            .into_iter()
            .map(|(key, delta)| OrMapEntryDelta {
                key: Some(text(key)),
                delta: Some(delta),
            })
            .collect()
    };
    delta(Delta::Ormap(OrMapDelta {
        cleared,
        removed: texts(removed),
        updated: entries(updated),
        added: entries(added),
    }))
}

/// Few, so that replicas meet.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn names(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(&NAMES[..]), 0..=most)
}

/// A delta of this type that a user function may send, with maps in maps up to a depth.
pub(crate) fn any_delta(kind: Kind, depth: u32) -> BoxedStrategy<CrdtDelta> {
    let rarely = || prop::bool::weighted(0.1);
    match kind {
        Kind::GCounter => (0_u64..5).prop_map(gcounter).boxed(),
        Kind::PnCounter => (-5_i64..5).prop_map(pncounter).boxed(),
        Kind::GSet => names(2).prop_map(|added| gset(&added)).boxed(),
        Kind::OrSet => (rarely(), names(2), names(2))
            .prop_map(|(cleared, removed, added)| orset(cleared, &removed, &added))
            .boxed(),
        Kind::LwwRegister => (select(&NAMES[..]), any_clock(), 0_i64..4)
            .prop_map(|(value, clock, custom)| register(value, clock, custom))
            .boxed(),
        Kind::Flag => Just(flag(true)).boxed(),
        Kind::OrMap => {
            let entries = |most| vec((select(&NAMES[..]), any_child(depth)), 0..=most);
            (rarely(), names(1), entries(2), entries(2))
                .prop_map(|(cleared, removed, updated, added)| {
                    ormap(cleared, &removed, updated, added)
                })
                .boxed()
        }
        Kind::Vote => any::<bool>().prop_map(vote).boxed(),
    }
}

fn any_child(depth: u32) -> BoxedStrategy<CrdtDelta> {
    let kinds: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|&kind| depth > 0 || kind != Kind::OrMap)
        .collect();
    select(kinds)
        .prop_flat_map(move |kind| any_delta(kind, depth.saturating_sub(1)))
        .boxed()
}

fn any_clock() -> impl Strategy<Value = CrdtClock> {
    select(
        &[
            CrdtClock::Default,
            CrdtClock::Reverse,
            CrdtClock::Custom,
            CrdtClock::CustomAutoIncrement,
        ][..],
    )
}
