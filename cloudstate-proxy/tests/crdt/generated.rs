//! Deltas of any type.

use cloudstate_protocol::cloudstate::crdt::{CrdtClock, CrdtDelta};
use cloudstate_proxy::crdt::Kind;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::deltas::{flag, gcounter, gset, ormap, orset, pncounter, register, vote};

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
