//! Short ways to write deltas.

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        CrdtClock, CrdtDelta, FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta, OrMapDelta,
        OrMapEntryDelta, OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
    },
};

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
