//! Changes of CRDTs, as proxy and service tell each other of them.
//!
//! Elements, register values and keys are strings, and in a delta primitives of the protocol.

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        CrdtClock, CrdtDelta, CrdtStreamOut, FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta,
        OrMapDelta, OrMapEntryDelta, OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
        crdt_state_action::Action, crdt_stream_out::Message as Out,
    },
};

/// A GCounter grows by this.
pub fn gcounter(increment: u64) -> CrdtDelta {
    delta(Delta::Gcounter(GCounterDelta { increment }))
}

/// A PNCounter changes by this.
pub fn pncounter(change: i64) -> CrdtDelta {
    delta(Delta::Pncounter(PnCounterDelta { change }))
}

/// These words become elements of a GSet: `"a b c"`.
pub fn gset(added: &str) -> CrdtDelta {
    let added = added.split_whitespace().map(string).collect();
    delta(Delta::Gset(GSetDelta { added }))
}

/// An ORSet is cleared, words are removed from it, and words added: `"clear -a -b +c"`, of which each may be missing.
pub fn orset(changes: &str) -> CrdtDelta {
    let words = || changes.split_whitespace();
    let behind = |sign| words().filter_map(move |word| word.strip_prefix(sign));
    delta(Delta::Orset(OrSetDelta {
        cleared: words().any(|word| word == "clear"),
        removed: behind('-').map(string).collect(),
        added: behind('+').map(string).collect(),
    }))
}

/// An LWWRegister is set to this, at a time that the default clock tells.
pub fn lwwregister(value: &str) -> CrdtDelta {
    lwwregister_at(value, CrdtClock::Default, 0)
}

/// An LWWRegister is set to this, at a time that another clock tells.
pub fn lwwregister_at(value: &str, clock: CrdtClock, custom_clock_value: i64) -> CrdtDelta {
    delta(Delta::Lwwregister(LwwRegisterDelta {
        value: Some(string(value)),
        clock: clock.into(),
        custom_clock_value,
    }))
}

/// A Flag is enabled or, which changes nothing, not.
pub fn flag(value: bool) -> CrdtDelta {
    delta(Delta::Flag(FlagDelta { value }))
}

/// The service's own vote.
pub fn vote(self_vote: bool) -> CrdtDelta {
    votes(self_vote, 0, 0)
}

/// What the proxy knows of a Vote: the service's own, the votes for it and the number of voters.
pub fn votes(self_vote: bool, votes_for: i32, total_voters: i32) -> CrdtDelta {
    delta(Delta::Vote(VoteDelta {
        self_vote,
        votes_for,
        total_voters,
    }))
}

/// An ORMap changes by all of these.
pub fn ormap<const N: usize>(changes: [MapChange; N]) -> CrdtDelta {
    let mut map = OrMapDelta::default();
    for change in changes {
        match change {
            MapChange::Clear => map.cleared = true,
            MapChange::Remove(key) => map.removed.push(key),
            MapChange::Update(entry) => map.updated.push(entry),
            MapChange::Add(entry) => map.added.push(entry),
        }
    }
    delta(Delta::Ormap(map))
}

/// One change of an ORMap.
#[derive(Clone, Debug)]
pub enum MapChange {
    /// Every entry is removed.
    Clear,
    /// The entry with this key is removed.
    Remove(Any),
    /// An entry changes.
    Update(OrMapEntryDelta),
    /// An entry is there now.
    Add(OrMapEntryDelta),
}

/// Every entry is removed.
pub fn cleared() -> MapChange {
    MapChange::Clear
}

/// The entry with this key is removed.
pub fn removed(key: &str) -> MapChange {
    MapChange::Remove(string(key))
}

/// The entry with this key changes by this.
pub fn updated(key: &str, delta: CrdtDelta) -> MapChange {
    MapChange::Update(entry(key, delta))
}

/// There is an entry with this key now, and this is its value as a change of the empty one.
pub fn added(key: &str, delta: CrdtDelta) -> MapChange {
    MapChange::Add(entry(key, delta))
}

fn entry(key: &str, delta: CrdtDelta) -> OrMapEntryDelta {
    OrMapEntryDelta {
        key: Some(string(key)),
        delta: Some(delta),
    }
}

fn delta(delta: Delta) -> CrdtDelta {
    CrdtDelta { delta: Some(delta) }
}

fn string(text: &str) -> Any {
    Any::primitive(&text.to_owned())
}

/// Sorts what a delta lists, at every depth. Sets and maps have no order, and a service may send them in any.
pub(crate) fn sort(message: &mut CrdtStreamOut) {
    let action = match &mut message.message {
        Some(Out::Reply(reply)) => reply.state_action.as_mut(),
        Some(Out::StreamCancelledResponse(response)) => response.state_action.as_mut(),
        Some(Out::StreamedMessage(_) | Out::Failure(_)) | None => None,
    };
    if let Some(Action::Update(delta)) = action.and_then(|action| action.action.as_mut()) {
        sort_delta(delta);
    }
}

fn sort_delta(delta: &mut CrdtDelta) {
    match &mut delta.delta {
        Some(Delta::Gset(set)) => sort_values(&mut set.added),
        Some(Delta::Orset(set)) => {
            sort_values(&mut set.removed);
            sort_values(&mut set.added);
        }
        Some(Delta::Ormap(map)) => {
            sort_values(&mut map.removed);
            sort_entries(&mut map.updated);
            sort_entries(&mut map.added);
        }
        Some(
            Delta::Gcounter(_)
            | Delta::Pncounter(_)
            | Delta::Lwwregister(_)
            | Delta::Flag(_)
            | Delta::Vote(_),
        )
        | None => {}
    }
}

fn sort_values(values: &mut [Any]) {
    values.sort_by(|a, b| order(a).cmp(&order(b)));
}

fn sort_entries(entries: &mut [OrMapEntryDelta]) {
    entries.sort_by(|a, b| a.key.as_ref().map(order).cmp(&b.key.as_ref().map(order)));
    for entry in entries {
        if let Some(delta) = &mut entry.delta {
            sort_delta(delta);
        }
    }
}

fn order(value: &Any) -> (&str, &[u8]) {
    (&value.type_url, &value.value)
}
