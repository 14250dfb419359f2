//! A CRDT, and what of it the proxy does not know yet.

use std::collections::{BTreeMap, BTreeSet};

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{
        CrdtDelta, FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta, OrMapDelta,
        OrMapEntryDelta, OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
    },
};
use tck_harness::pb::crdt::{
    FlagValue, GCounterValue, GSetValue, LwwRegisterClockType, LwwRegisterValue, OrMapEntryValue,
    OrMapValue, OrSetValue, PnCounterValue, State, Update, VoteValue,
    or_map_update::Action as MapAction, or_set_update::Action as SetAction, state::Value,
    update::Update as Change,
};

use super::Fault;

type Words = BTreeSet<String>;

/// A clock and the value that was given for it.
type Clock = (i32, i64);

const DEFAULT_CLOCK: Clock = (LwwRegisterClockType::Default as i32, 0);

#[derive(Clone, Debug)]
pub(super) enum Crdt {
    GCounter {
        value: u64,
        change: u64,
    },
    PnCounter {
        value: i64,
        change: i64,
    },
    GSet {
        elements: Words,
        added: Words,
    },
    OrSet {
        elements: Words,
        added: Words,
        removed: Words,
        cleared: bool,
    },
    Register {
        value: String,
        clock: Clock,
        changed: bool,
    },
    Flag {
        value: bool,
        changed: bool,
    },
    OrMap {
        entries: BTreeMap<String, Crdt>,
        added: Words,
        removed: Words,
        cleared: bool,
    },
    Vote {
        own: bool,
        votes_for: i32,
        voters: i32,
        /// The own vote that the proxy knows.
        sent: bool,
    },
}

impl Crdt {
    /// A new one of the type that an entity's id or a key begins with.
    pub(super) fn new(id: &str, fault: Option<Fault>) -> Self {
        match id.split('-').next().unwrap() {
            "GCounter" => Self::GCounter {
                value: 0,
                change: 0,
            },
            "PNCounter" => Self::PnCounter {
                value: 0,
                change: 0,
            },
            "GSet" => Self::GSet {
                elements: Words::new(),
                added: Words::new(),
            },
            "ORSet" => Self::OrSet {
                elements: Words::new(),
                added: Words::new(),
                removed: Words::new(),
                cleared: false,
            },
            "LWWRegister" => Self::Register {
                value: String::new(),
                clock: DEFAULT_CLOCK,
                changed: fault != Some(Fault::NoCreationDelta),
            },
            "Flag" => Self::Flag {
                value: false,
                changed: false,
            },
            "ORMap" => Self::OrMap {
                entries: BTreeMap::new(),
                added: Words::new(),
                removed: Words::new(),
                cleared: false,
            },
            "Vote" => Self::Vote {
                own: false,
                votes_for: 0,
                voters: i32::from(fault != Some(Fault::NewVoteHasNoVoters)),
                sent: false,
            },
            other => panic!("{other} is no CRDT"),
        }
    }

    /// Does what a request asks for.
    pub(super) fn update(&mut self, update: &Update, fault: Option<Fault>) {
        let has = |one| fault == Some(one);
        match (self, update.update.as_ref().unwrap()) {
            (Self::GCounter { value, change }, Change::Gcounter(update)) => {
                *value += update.increment;
                *change += update.increment;
            }
            (Self::PnCounter { value, change }, Change::Pncounter(update)) => {
                *value += update.change;
                *change += update.change;
            }
            (Self::GSet { elements, added }, Change::Gset(update)) => {
                if elements.insert(update.add.clone()) || has(Fault::EverythingAdded) {
                    added.insert(update.add.clone());
                }
            }
            (
                Self::OrSet {
                    elements,
                    added,
                    removed,
                    cleared,
                },
                Change::Orset(update),
            ) => match update.action.clone().unwrap() {
                SetAction::Add(element) => {
                    let cancels = !has(Fault::CancelsNothingOut) && removed.remove(&element);
                    if elements.insert(element.clone()) && !cancels {
                        added.insert(element);
                    }
                }
                SetAction::Remove(element) => {
                    if elements.remove(&element) && !added.remove(&element) {
                        removed.insert(element);
                    }
                }
                SetAction::Clear(_) => {
                    added.clear();
                    removed.clear();
                    *cleared = !has(Fault::ClearListsElements);
                    if !*cleared {
                        removed.clone_from(elements);
                    }
                    elements.clear();
                }
            },
            (
                Self::Register {
                    value,
                    clock,
                    changed,
                },
                Change::Lwwregister(update),
            ) => {
                let given = update.clock.as_ref();
                let given = given.map_or(DEFAULT_CLOCK, |clock| {
                    (clock.clock_type, clock.custom_clock_value)
                });
                let differs = *clock != given && !has(Fault::ClockAloneIsNoChange);
                *changed |= differs || *value != update.value;
                value.clone_from(&update.value);
                *clock = given;
            }
            (Self::Flag { value, changed }, Change::Flag(_)) => {
                *changed |= !*value || has(Fault::FlagIsEnabledAgain);
                *value = true;
            }
            (
                Self::OrMap {
                    entries,
                    added,
                    removed,
                    cleared,
                },
                Change::Ormap(update),
            ) => {
                let mut entry = |key: &str| {
                    if !entries.contains_key(key) {
                        added.insert(key.to_owned());
                    }
                    let new = || Self::new(key, fault);
                    entries.entry(key.to_owned()).or_insert_with(new).clone()
                };
                match update.action.as_ref().unwrap() {
                    MapAction::Add(key) => drop(entry(key)),
                    MapAction::Update(one) => {
                        let mut changed = entry(&one.key);
                        changed.update(one.update.as_ref().unwrap(), fault);
                        entries.insert(one.key.clone(), changed);
                    }
                    MapAction::Remove(key) => {
                        if entries.remove(key).is_some() && !added.remove(key) {
                            removed.insert(key.clone());
                        }
                    }
                    MapAction::Clear(_) => {
                        entries.clear();
                        added.clear();
                        removed.clear();
                        *cleared = true;
                    }
                }
            }
            (Self::Vote { own, votes_for, .. }, Change::Vote(update)) => {
                if !has(Fault::OwnVoteIsNotCounted) {
                    *votes_for += i32::from(update.self_vote) - i32::from(*own);
                }
                *own = update.self_vote;
            }
            (crdt, update) => panic!("{update:?} is no update of {crdt:?}"),
        }
    }

    /// Takes a change from the proxy.
    pub(super) fn apply(&mut self, delta: &CrdtDelta, fault: Option<Fault>) {
        let has = |one| fault == Some(one);
        let echo = has(Fault::EchoesReplicated);
        match (self, delta.delta.as_ref().unwrap()) {
            (Self::GCounter { value, change }, Delta::Gcounter(delta)) => {
                *value += delta.increment;
                *change += if echo { delta.increment } else { 0 };
            }
            (Self::PnCounter { value, change }, Delta::Pncounter(delta)) => {
                *value += delta.change;
                *change += if echo { delta.change } else { 0 };
            }
            (Self::GSet { elements, .. }, Delta::Gset(delta)) => {
                elements.extend(delta.added.iter().map(word));
            }
            (Self::OrSet { elements, .. }, Delta::Orset(delta)) => {
                if delta.cleared && !has(Fault::ClearedIsIgnored) {
                    elements.clear();
                }
                let removed: Words = delta.removed.iter().map(word).collect();
                elements.retain(|element| !removed.contains(element));
                elements.extend(delta.added.iter().map(word));
            }
            (Self::Register { value, changed, .. }, Delta::Lwwregister(delta)) => {
                *value = word(delta.value.as_ref().unwrap());
                *changed &= has(Fault::KeepsCreationDelta);
            }
            (Self::Flag { value, .. }, Delta::Flag(delta)) => {
                *value = delta.value || (*value && !has(Fault::FlagIsCleared));
            }
            (Self::OrMap { entries, .. }, Delta::Ormap(delta)) => {
                if delta.cleared && !has(Fault::ClearedIsIgnored) {
                    entries.clear();
                }
                for key in &delta.removed {
                    entries.remove(&word(key));
                }
                for one in &delta.updated {
                    let key = word(one.key.as_ref().unwrap());
                    if let Some(entry) = entries.get_mut(&key) {
                        entry.apply(one.delta.as_ref().unwrap(), fault);
                    }
                }
                for one in &delta.added {
                    let key = word(one.key.as_ref().unwrap());
                    let mut entry = Self::new(&key, fault);
                    entry.apply(one.delta.as_ref().unwrap(), fault);
                    entries.insert(key, entry);
                }
            }
            (
                Self::Vote {
                    own,
                    votes_for,
                    voters,
                    sent,
                },
                Delta::Vote(delta),
            ) => {
                (*own, *sent) = (delta.self_vote, delta.self_vote);
                (*votes_for, *voters) = (delta.votes_for, delta.total_voters);
            }
            (crdt, delta) => panic!("{delta:?} is no delta of {crdt:?}"),
        }
    }

    /// What the proxy does not know yet, if there is anything; it knows it then.
    pub(super) fn take_delta(&mut self, fault: Option<Fault>) -> Option<CrdtDelta> {
        let delta = self.has_delta().then(|| self.delta(fault));
        self.forget_changes(fault);
        delta
    }

    fn has_delta(&self) -> bool {
        match self {
            Self::GCounter { change, .. } => *change != 0,
            Self::PnCounter { change, .. } => *change != 0,
            Self::GSet { added, .. } => !added.is_empty(),
            Self::OrSet {
                added,
                removed,
                cleared,
                ..
            } => *cleared || !added.is_empty() || !removed.is_empty(),
            Self::Register { changed, .. } | Self::Flag { changed, .. } => *changed,
            Self::OrMap {
                entries,
                added,
                removed,
                cleared,
            } => {
                *cleared
                    || !added.is_empty()
                    || !removed.is_empty()
                    || entries.values().any(Self::has_delta)
            }
            Self::Vote { own, sent, .. } => own != sent,
        }
    }

    /// The change as it is, also where there is none.
    fn delta(&self, fault: Option<Fault>) -> CrdtDelta {
        let has = |one| fault == Some(one);
        let string = |word: &String| string(word, fault);
        let strings = |words: &Words| {
            let mut strings: Vec<_> = words.iter().map(string).collect();
            if has(Fault::ReversesDeltas) {
                strings.reverse();
            }
            strings
        };
        let delta = match self {
            &Self::GCounter { change, .. } => Delta::Gcounter(GCounterDelta { increment: change }),
            &Self::PnCounter { change, .. } => Delta::Pncounter(PnCounterDelta { change }),
            Self::GSet { added, .. } => Delta::Gset(GSetDelta {
                added: strings(added),
            }),
            Self::OrSet {
                added,
                removed,
                cleared,
                ..
            } => Delta::Orset(OrSetDelta {
                cleared: *cleared || (has(Fault::RemovedIsCleared) && !removed.is_empty()),
                removed: strings(removed),
                added: strings(added),
            }),
            Self::Register { value, clock, .. } => {
                let wrong = has(Fault::WrongClock);
                let (clock, custom_clock_value) = if wrong { DEFAULT_CLOCK } else { *clock };
                Delta::Lwwregister(LwwRegisterDelta {
                    value: Some(string(value)),
                    clock,
                    custom_clock_value,
                })
            }
            &Self::Flag { value, .. } => Delta::Flag(FlagDelta { value }),
            Self::OrMap {
                entries,
                added,
                removed,
                cleared,
            } => {
                let entry = |(key, entry): (&String, &Self)| {
                    let empty = has(Fault::AddedWithoutDelta) && !entry.has_delta();
                    let delta = entry.delta(fault);
                    OrMapEntryDelta {
                        key: Some(string(key)),
                        delta: Some(if empty { CrdtDelta::default() } else { delta }),
                    }
                };
                let is_added = |key: &String| added.contains(key);
                let those = |wanted: &dyn Fn(&String, &Self) -> bool| {
                    let wanted = entries.iter().filter(|(key, entry)| wanted(key, entry));
                    let mut list: Vec<_> = wanted.map(entry).collect();
                    if has(Fault::ReversesDeltas) {
                        list.reverse();
                    }
                    list
                };
                let twice = has(Fault::AddedIsUpdated);
                Delta::Ormap(OrMapDelta {
                    cleared: *cleared,
                    removed: strings(removed),
                    updated: those(&|key, entry| entry.has_delta() && (twice || !is_added(key))),
                    added: those(&|key, _| is_added(key)),
                })
            }
            &Self::Vote {
                own,
                votes_for,
                voters,
                ..
            } => {
                let totals = has(Fault::SendsTotals);
                Delta::Vote(VoteDelta {
                    self_vote: own,
                    votes_for: if totals { votes_for } else { 0 },
                    total_voters: if totals { voters } else { 0 },
                })
            }
        };
        CrdtDelta { delta: Some(delta) }
    }

    fn forget_changes(&mut self, fault: Option<Fault>) {
        match self {
            Self::GCounter { change, .. } => *change = 0,
            Self::PnCounter { change, .. } => *change = 0,
            Self::GSet { added, .. } => added.clear(),
            Self::OrSet {
                added,
                removed,
                cleared,
                ..
            } => {
                added.clear();
                removed.clear();
                *cleared = false;
            }
            Self::Register { clock, changed, .. } => {
                *clock = DEFAULT_CLOCK;
                *changed = false;
            }
            Self::Flag { changed, .. } => *changed = false,
            Self::OrMap {
                entries,
                added,
                removed,
                cleared,
            } => {
                added.clear();
                removed.clear();
                *cleared = false;
                if fault != Some(Fault::KeepsPendingOfEntries) {
                    for entry in entries.values_mut() {
                        entry.forget_changes(fault);
                    }
                }
            }
            Self::Vote { own, sent, .. } => *sent = *own,
        }
    }

    pub(super) fn state(&self, fault: Option<Fault>) -> State {
        let words = |words: &Words| {
            let mut words: Vec<_> = words.iter().cloned().collect();
            if fault == Some(Fault::UnsortedState) {
                words.reverse();
            }
            words
        };
        let value = match self {
            &Self::GCounter { value, .. } => Value::Gcounter(GCounterValue { value }),
            &Self::PnCounter { value, .. } => Value::Pncounter(PnCounterValue { value }),
            Self::GSet { elements, .. } => Value::Gset(GSetValue {
                elements: words(elements),
            }),
            Self::OrSet { elements, .. } => Value::Orset(OrSetValue {
                elements: words(elements),
            }),
            Self::Register { value, .. } => Value::Lwwregister(LwwRegisterValue {
                value: value.clone(),
            }),
            &Self::Flag { value, .. } => Value::Flag(FlagValue { value }),
            Self::OrMap { entries, .. } => {
                let entry = |(key, entry): (&String, &Self)| OrMapEntryValue {
                    key: key.clone(),
                    value: Some(entry.state(fault)),
                };
                Value::Ormap(OrMapValue {
                    entries: entries.iter().map(entry).collect(),
                })
            }
            &Self::Vote {
                own,
                votes_for,
                voters,
                ..
            } => Value::Vote(VoteValue {
                self_vote: own,
                votes_for,
                total_voters: voters,
            }),
        };
        State { value: Some(value) }
    }
}

fn string(word: &String, fault: Option<Fault>) -> Any {
    let mut any = Any::primitive(word);
    match fault {
        Some(Fault::BareElements) => any.type_url = any.type_name().into(),
        Some(Fault::LongWindedEncoding) if word.is_empty() => {
            any.value = b"\x0a\x00".as_slice().into();
        }
        _ => {}
    }
    any
}

fn word(any: &Any) -> String {
    any.to_primitive().unwrap()
}
