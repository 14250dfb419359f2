//! Changes that a request asks the model to make.

use crate::pb::crdt::{
    FlagUpdate, GCounterUpdate, GSetUpdate, LwwRegisterClock, LwwRegisterClockType,
    LwwRegisterUpdate, OrMapEntryUpdate, OrMapUpdate, OrSetUpdate, PnCounterUpdate, RequestAction,
    Update, UpdateWriteConsistency, VoteUpdate, or_map_update::Action as MapAction,
    or_set_update::Action as SetAction, request_action::Action, update::Update as Change,
};

impl From<Update> for RequestAction {
    fn from(update: Update) -> Self {
        Self {
            action: Some(Action::Update(update)),
        }
    }
}

/// Add this to a GCounter.
pub fn gcounter(increment: u64) -> Update {
    update(Change::Gcounter(GCounterUpdate { increment }))
}

/// Add this to a GCounter, and have the change on so many nodes before the reply leaves.
pub fn gcounter_on(nodes: UpdateWriteConsistency, increment: u64) -> Update {
    Update {
        write_consistency: nodes.into(),
        ..gcounter(increment)
    }
}

/// Add this to a PNCounter.
pub fn pncounter(change: i64) -> Update {
    update(Change::Pncounter(PnCounterUpdate { change }))
}

/// Add these words to a GSet, one update each: `"a b c"`.
pub fn gset(elements: &str) -> Vec<Update> {
    let add = |element: &str| {
        update(Change::Gset(GSetUpdate {
            add: element.into(),
        }))
    };
    elements.split_whitespace().map(add).collect()
}

/// Do this with an ORSet, one update for each word, in this order: `"+added -removed clear"`.
pub fn orset(changes: &str) -> Vec<Update> {
    let change = |word: &str| {
        let action = if let Some(element) = word.strip_prefix('+') {
            SetAction::Add(element.into())
        } else if let Some(element) = word.strip_prefix('-') {
            SetAction::Remove(element.into())
        } else {
            SetAction::Clear(word == "clear")
        };
        let action = Some(action);
        update(Change::Orset(OrSetUpdate { action }))
    };
    changes.split_whitespace().map(change).collect()
}

/// Set an LWWRegister to this value, with the default clock.
pub fn lwwregister(value: &str) -> Update {
    lwwregister_at(value, LwwRegisterClockType::Default, 0)
}

/// Set an LWWRegister to this value, with another clock.
pub fn lwwregister_at(
    value: &str,
    clock_type: LwwRegisterClockType,
    custom_clock_value: i64,
) -> Update {
    update(Change::Lwwregister(LwwRegisterUpdate {
        value: value.into(),
        clock: Some(LwwRegisterClock {
            clock_type: clock_type.into(),
            custom_clock_value,
        }),
    }))
}

/// Enable a Flag.
pub fn flag() -> Update {
    update(Change::Flag(FlagUpdate {}))
}

/// Vote.
pub fn vote(self_vote: bool) -> Update {
    update(Change::Vote(VoteUpdate { self_vote }))
}

/// Have an entry with this key in an ORMap.
pub fn add(key: &str) -> Update {
    in_map(MapAction::Add(key.into()))
}

/// Change the entry with this key in an ORMap.
pub fn entry(key: &str, update: Update) -> Update {
    in_map(MapAction::Update(Box::new(OrMapEntryUpdate {
        key: key.into(),
        update: Some(Box::new(update)),
    })))
}

/// Change the entry with this key in an ORMap several times.
pub fn entries(key: &str, updates: Vec<Update>) -> Vec<Update> {
    let change = |update| entry(key, update);
    updates.into_iter().map(change).collect()
}

/// Remove the entry with this key from an ORMap.
pub fn remove(key: &str) -> Update {
    in_map(MapAction::Remove(key.into()))
}

/// Remove every entry from an ORMap.
pub fn clear() -> Update {
    in_map(MapAction::Clear(true))
}

fn in_map(action: MapAction) -> Update {
    let action = Some(action);
    update(Change::Ormap(Box::new(OrMapUpdate { action })))
}

fn update(update: Change) -> Update {
    Update {
        update: Some(update),
        ..Update::default()
    }
}
