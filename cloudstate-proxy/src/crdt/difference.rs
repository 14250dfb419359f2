//! The delta that leads a user function from one value to another.

use std::collections::{BTreeMap, BTreeSet};

use cloudstate_protocol::cloudstate::crdt::{
    CrdtDelta, FlagDelta, GCounterDelta, GSetDelta, OrMapDelta, OrSetDelta, PnCounterDelta,
    crdt_delta::Delta,
};

use super::{
    element::Element,
    value::{Value, entry, payloads},
};

/// How two values differ.
enum Difference {
    None,
    Delta(Delta),
    /// No delta leads from one to the other.
    Unrelated,
}

impl Value {
    /// The delta that makes this value of `known`; `None` if they are equal, or if no delta does, which cannot be where
    /// both are of one CRDT and this is the later one.
    pub fn since(&self, known: &Self) -> Option<CrdtDelta> {
        match difference(known, self) {
            Difference::Delta(delta) => Some(CrdtDelta { delta: Some(delta) }),
            Difference::None | Difference::Unrelated => None,
        }
    }
}

fn difference(known: &Value, current: &Value) -> Difference {
    if known == current {
        return Difference::None;
    }
    let delta = match (known, current) {
        (Value::GCounter(known), Value::GCounter(current)) if known < current => {
            let increment = current - known;
            Delta::Gcounter(GCounterDelta { increment })
        }
        (Value::PnCounter(known), Value::PnCounter(current)) => {
            let change = current.wrapping_sub(*known);
            Delta::Pncounter(PnCounterDelta { change })
        }
        (Value::GSet(known), Value::GSet(current)) if known.is_subset(current) => {
            let added = payloads(current.difference(known).cloned());
            Delta::Gset(GSetDelta { added })
        }
        (Value::OrSet(known), Value::OrSet(current)) => Delta::Orset(set(known, current)),
        (Value::LwwRegister(_), Value::LwwRegister(_)) => {
            return whole(current);
        }
        (Value::Flag(false), Value::Flag(true)) => Delta::Flag(FlagDelta { value: true }),
        (Value::OrMap(known), Value::OrMap(current)) => Delta::Ormap(map(known, current)),
        (Value::Vote(_), Value::Vote(votes)) => Delta::Vote(votes.to_wire()),
        _ => return Difference::Unrelated,
    };
    Difference::Delta(delta)
}

fn whole(value: &Value) -> Difference {
    let delta = value.clone().into_delta().delta;
    delta.map_or(Difference::Unrelated, Difference::Delta)
}

/// Element by element, or all anew where that is shorter.
fn set(known: &BTreeSet<Element>, current: &BTreeSet<Element>) -> OrSetDelta {
    let removed = payloads(known.difference(current).cloned());
    let added = payloads(current.difference(known).cloned());
    if current.is_empty() || removed.len() + added.len() > current.len() {
        return OrSetDelta {
            cleared: true,
            removed: Vec::new(),
            added: payloads(current.iter().cloned()),
        };
    }
    OrSetDelta {
        cleared: false,
        removed,
        added,
    }
}

fn map(known: &BTreeMap<Element, Value>, current: &BTreeMap<Element, Value>) -> OrMapDelta {
    let mut delta = OrMapDelta::default();
    if current.is_empty() {
        delta.cleared = true;
        return delta;
    }
    let gone = known.keys().filter(|key| !current.contains_key(key));
    delta.removed = payloads(gone.cloned());
    for (key, value) in current {
        let added = || entry(key.clone(), value.clone().into_delta());
        match known.get(key).map(|known| difference(known, value)) {
            None => delta.added.push(added()),
            Some(Difference::None) => {}
            Some(Difference::Delta(change)) => {
                let change = CrdtDelta {
                    delta: Some(change),
                };
                delta.updated.push(entry(key.clone(), change));
            }
            Some(Difference::Unrelated) => {
                delta.removed.push(key.payload().clone());
                delta.added.push(added());
            }
        }
    }
    delta
}
