//! States of the model's CRDTs, as its replies have them.

use crate::pb::crdt::{
    FlagValue, GCounterValue, GSetValue, LwwRegisterValue, OrMapEntryValue, OrMapValue, OrSetValue,
    PnCounterValue, State, VoteValue, state::Value,
};

/// A GCounter with this value.
pub fn gcounter(value: u64) -> State {
    state(Value::Gcounter(GCounterValue { value }))
}

/// A PNCounter with this value.
pub fn pncounter(value: i64) -> State {
    state(Value::Pncounter(PnCounterValue { value }))
}

/// A GSet of these words: `"a b c"`.
pub fn gset(elements: &str) -> State {
    let elements = words(elements);
    state(Value::Gset(GSetValue { elements }))
}

/// An ORSet of these words: `"a b c"`.
pub fn orset(elements: &str) -> State {
    let elements = words(elements);
    state(Value::Orset(OrSetValue { elements }))
}

/// An LWWRegister with this value.
pub fn lwwregister(value: &str) -> State {
    let value = value.into();
    state(Value::Lwwregister(LwwRegisterValue { value }))
}

/// A Flag that is enabled or not.
pub fn flag(value: bool) -> State {
    state(Value::Flag(FlagValue { value }))
}

/// An ORMap with these entries.
pub fn ormap<const N: usize>(entries: [(&str, State); N]) -> State {
    let entry = |(key, value): (&str, State)| OrMapEntryValue {
        key: key.into(),
        value: Some(value),
    };
    let entries = entries.map(entry).into();
    state(Value::Ormap(OrMapValue { entries }))
}

/// A Vote: the own vote, the votes for it and the number of voters.
pub fn vote(self_vote: bool, votes_for: i32, total_voters: i32) -> State {
    state(Value::Vote(VoteValue {
        self_vote,
        votes_for,
        total_voters,
    }))
}

fn state(value: Value) -> State {
    State { value: Some(value) }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
