//! Deltas of the user function applied: cleared, then removed, then updated, then added ("Cloudstate protocol").

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        CrdtClock, CrdtDelta, LwwRegisterDelta, OrMapDelta, OrMapEntryDelta, OrSetDelta,
        crdt_delta::Delta,
    },
};

use super::{
    data::{Data, Elements, Entries, Entry, Kind, Write},
    dot::{Dot, Dots},
    element::{Element, detach},
};

/// Maps within maps, which decoders follow by recursion.
pub(super) const MAX_DEPTH: usize = 16;

/// Why a delta of the user function cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// None of the fields of `CrdtDelta` is set.
    #[error("CrdtDelta says no type: set one of its fields")]
    Untyped,
    /// The delta is of another type than the value.
    #[error("a delta of {delta} cannot be applied to {value}")]
    Kind {
        /// The delta's.
        delta: Kind,
        /// The value's.
        value: Kind,
    },
    /// A counter that only grows was to shrink.
    #[error("GCounterDelta.increment is negative ({0} as a signed number)")]
    Negative(i64),
    /// The counter would leave the range of its type.
    #[error("the {0} would leave the range of 64 bits")]
    Overflow(Kind),
    /// A flag that is on was to be switched off.
    #[error("FlagDelta.value is false where the flag is on; a flag cannot be switched off")]
    FlagOff,
    /// A field that must be there is not.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A clock that the protocol does not have.
    #[error("LWWRegisterDelta.clock is {0}, which is no clock of the protocol")]
    Clock(i32),
    /// Too many maps within maps.
    #[error("maps lie in maps more than {MAX_DEPTH} deep")]
    TooDeep,
}

/// One change that is being applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// Marks everything that the change puts there.
    dot: Dot,
    now: i64,
    /// Registers take what is written whatever the clock says.
    forced: bool,
    depth: usize,
}

impl Change {
    pub(super) fn new(dot: Dot, now: i64) -> Self {
        Self {
            dot,
            now,
            forced: false,
            depth: 0,
        }
    }

    pub(super) fn forced(dot: Dot, now: i64) -> Self {
        Self {
            forced: true,
            ..Self::new(dot, now)
        }
    }

    /// The same change one map further in.
    fn within(self) -> Result<Self, UpdateError> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(UpdateError::TooDeep);
        }
        Ok(Self { depth, ..self })
    }
}

impl Data {
    pub(super) fn apply(&mut self, delta: CrdtDelta, change: &Change) -> Result<(), UpdateError> {
        let value = self.kind();
        let kind = Kind::of(&delta);
        match (self, delta.delta) {
            (_, None) => Err(UpdateError::Untyped),
            (Self::GCounter(counts), Some(Delta::Gcounter(delta))) => {
                count_up(counts, delta.increment, change)
            }
            (Self::PnCounter(counts), Some(Delta::Pncounter(delta))) => {
                count(counts, delta.change, change)
            }
            (Self::GSet(elements), Some(Delta::Gset(delta))) => {
                add(elements, &delta.added, change);
                Ok(())
            }
            (Self::OrSet(elements), Some(Delta::Orset(delta))) => {
                change_set(elements, &delta, change);
                Ok(())
            }
            (Self::LwwRegister(writes), Some(Delta::Lwwregister(delta))) => {
                write(writes, &delta, change)
            }
            (Self::Flag(enabled), Some(Delta::Flag(delta))) => switch(enabled, delta.value, change),
            (Self::OrMap(entries), Some(Delta::Ormap(delta))) => {
                change_map(entries, delta, change.within()?)
            }
            (Self::Vote(votes), Some(Delta::Vote(delta))) => {
                vote(votes, delta.self_vote, change);
                Ok(())
            }
            (_, Some(_)) => Err(
                kind.map_or(UpdateError::Untyped, |delta| UpdateError::Kind {
                    delta,
                    value,
                }),
            ),
        }
    }

    /// See [`Crdt::may_overrule`](super::Crdt::may_overrule).
    pub(super) fn may_overrule(&self, delta: &CrdtDelta, now: i64) -> bool {
        match (self, &delta.delta) {
            (Self::LwwRegister(writes), Some(Delta::Lwwregister(delta))) => {
                let latest = latest(writes).map(|write| write.timestamp);
                timestamp(delta, latest, now).is_ok_and(|written| Some(written) < latest)
            }
            (Self::OrMap(entries), Some(Delta::Ormap(delta))) => {
                let mut changed = delta.updated.iter().chain(&delta.added);
                if let (Some(only), None) = (changed.next(), changed.next()) {
                    return may_overrule_entry(entries, only, now);
                }
                // One may meet another.
                let mut changed = delta.updated.iter().chain(&delta.added);
                changed.any(|entry| entry.delta.as_ref().is_some_and(writes_out_of_order))
            }
            _ => false,
        }
    }
}

/// Of the only change in a delta, so that it meets what is there. A value that is not there overrules nothing.
fn may_overrule_entry(entries: &Entries, change: &OrMapEntryDelta, now: i64) -> bool {
    let (Some(key), Some(delta)) = (&change.key, &change.delta) else {
        return false;
    };
    if !writes_out_of_order(delta) {
        return false;
    }
    let Some(kind) = Kind::of(delta) else {
        return false;
    };
    match entries.get(&(Element::sharing(key.clone()), kind)) {
        Some(entry) => entry.data.may_overrule(delta, now),
        None => Data::new(kind).may_overrule(delta, now),
    }
}

/// Whether a register is written with a clock that may say that the write is an early one.
fn writes_out_of_order(delta: &CrdtDelta) -> bool {
    match &delta.delta {
        Some(Delta::Lwwregister(delta)) => {
            matches!(delta.clock(), CrdtClock::Reverse | CrdtClock::Custom)
        }
        Some(Delta::Ormap(delta)) => {
            let mut changed = delta.updated.iter().chain(&delta.added);
            changed.any(|entry| entry.delta.as_ref().is_some_and(writes_out_of_order))
        }
        _ => false,
    }
}

fn count_up(counts: &mut Dots<u64>, increment: u64, change: &Change) -> Result<(), UpdateError> {
    // The protocol's counters are signed in the languages that most user functions are written in.
    let negative = increment.cast_signed();
    if negative < 0 {
        return Err(UpdateError::Negative(negative));
    }
    if increment == 0 {
        return Ok(());
    }
    let total = counts
        .iter()
        .try_fold(increment, |sum, dotted| sum.checked_add(dotted.value));
    total.ok_or(UpdateError::Overflow(Kind::GCounter))?;
    let own = counts.of(change.dot.replica).copied().unwrap_or(0);
    counts.put(change.dot, own + increment);
    Ok(())
}

fn count(counts: &mut Dots<i64>, difference: i64, change: &Change) -> Result<(), UpdateError> {
    if difference == 0 {
        return Ok(());
    }
    let overflow = UpdateError::Overflow(Kind::PnCounter);
    let total: i128 = counts.iter().map(|dotted| i128::from(dotted.value)).sum();
    i64::try_from(total + i128::from(difference)).map_err(|_| overflow.clone())?;
    let own = counts.of(change.dot.replica).copied().unwrap_or(0);
    let own = own.checked_add(difference).ok_or(overflow)?;
    counts.put(change.dot, own);
    Ok(())
}

fn add(elements: &mut Elements, added: &[Any], change: &Change) {
    for element in added {
        let like = elements.first_key_value().map(|(first, _)| first);
        let element = Element::detached(element, like);
        let marks = elements.entry(element).or_default();
        marks.replace(change.dot, ());
    }
}

fn change_set(elements: &mut Elements, delta: &OrSetDelta, change: &Change) {
    if delta.cleared {
        elements.clear();
    }
    for element in &delta.removed {
        elements.remove(&Element::sharing(element.clone()));
    }
    add(elements, &delta.added, change);
}

fn switch(enabled: &mut Dots<()>, on: bool, change: &Change) -> Result<(), UpdateError> {
    match (on, enabled.is_empty()) {
        (true, true) => enabled.replace(change.dot, ()),
        (false, false) => return Err(UpdateError::FlagOff),
        (true, false) | (false, true) => {}
    }
    Ok(())
}

/// Only the own vote counts; the totals are the proxy's to say.
fn vote(votes: &mut Dots<()>, own: bool, change: &Change) {
    if own {
        votes.put(change.dot, ());
    } else {
        votes.remove(change.dot.replica);
    }
}

/// The write that counts: the latest, and of several the one of the smallest replica.
pub(super) fn latest(writes: &Dots<Write>) -> Option<&Write> {
    let mut dotted = writes.iter();
    let first = &dotted.next()?.value;
    Some(dotted.fold(first, |latest, dotted| {
        if dotted.value.timestamp > latest.timestamp {
            &dotted.value
        } else {
            latest
        }
    }))
}

fn timestamp(delta: &LwwRegisterDelta, latest: Option<i64>, now: i64) -> Result<i64, UpdateError> {
    let clock = CrdtClock::try_from(delta.clock).map_err(|_| UpdateError::Clock(delta.clock))?;
    Ok(match (clock, latest) {
        (CrdtClock::Default, None) => now,
        // Clocks go back, and two writes may have the same millisecond.
        (CrdtClock::Default, Some(latest)) => now.max(latest.saturating_add(1)),
        (CrdtClock::Reverse, _) => now.saturating_neg(),
        (CrdtClock::Custom, _) | (CrdtClock::CustomAutoIncrement, None) => delta.custom_clock_value,
        (CrdtClock::CustomAutoIncrement, Some(latest)) => {
            delta.custom_clock_value.max(latest.saturating_add(1))
        }
    })
}

/// A write that is not earlier than what it has seen replaces it; an earlier one is lost.
fn write(
    writes: &mut Dots<Write>,
    delta: &LwwRegisterDelta,
    change: &Change,
) -> Result<(), UpdateError> {
    let value = delta
        .value
        .as_ref()
        .ok_or(UpdateError::Missing("LWWRegisterDelta.value"))?;
    let latest = latest(writes).map(|write| write.timestamp);
    let timestamp = timestamp(delta, latest, change.now)?;
    if change.forced || latest.is_none_or(|latest| latest <= timestamp) {
        let value = detach(value);
        writes.replace(change.dot, Write { timestamp, value });
    }
    Ok(())
}

fn change_map(entries: &mut Entries, delta: OrMapDelta, change: Change) -> Result<(), UpdateError> {
    if delta.cleared {
        entries.clear();
    }
    for key in delta.removed {
        remove(entries, &Element::sharing(key));
    }
    for entry in delta.updated {
        let (key, kind, delta) = parts(entry)?;
        // What is missing, or has another type by now, was changed elsewhere at the same time.
        if let Some(entry) = entries.get_mut(&(Element::sharing(key), kind)) {
            entry.change(delta, &change)?;
        }
    }
    for entry in delta.added {
        let (key, kind, delta) = parts(entry)?;
        let like = entries.first_key_value().map(|((first, _), _)| first);
        let slot = (Element::detached(&key, like), kind);
        if !entries.contains_key(&slot) {
            remove(entries, &slot.0);
        }
        let entry = entries.entry(slot).or_insert_with(|| Entry::new(kind));
        entry.change(delta, &change)?;
    }
    Ok(())
}

/// Removes a key, with the values of all types.
fn remove(entries: &mut Entries, key: &Element) {
    for kind in Kind::ALL {
        entries.remove(&(key.clone(), kind));
    }
}

fn parts(entry: OrMapEntryDelta) -> Result<(Any, Kind, CrdtDelta), UpdateError> {
    let key = entry
        .key
        .ok_or(UpdateError::Missing("ORMapEntryDelta.key"))?;
    let delta = entry
        .delta
        .ok_or(UpdateError::Missing("ORMapEntryDelta.delta"))?;
    let kind = Kind::of(&delta).ok_or(UpdateError::Untyped)?;
    Ok((key, kind, delta))
}

impl Entry {
    fn change(&mut self, delta: CrdtDelta, change: &Change) -> Result<(), UpdateError> {
        self.present.replace(change.dot, ());
        self.data.apply(delta, change)
    }
}
