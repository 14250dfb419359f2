//! A user function's side of a CRDT, as plainly as can be: a value to which deltas are applied.

use std::collections::{BTreeMap, BTreeSet};

use cloudstate_protocol::{
    Any,
    cloudstate::crdt::{CrdtDelta, crdt_delta::Delta},
};
use cloudstate_proxy::crdt::{Element, Kind, Value, Votes};

/// Whose delta it is: a user function may be careless, the proxy knows what the user function has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    UserFunction,
    Proxy,
}

pub(crate) fn empty(kind: Kind, voters: usize) -> Value {
    match kind {
        Kind::GCounter => Value::GCounter(0),
        Kind::PnCounter => Value::PnCounter(0),
        Kind::GSet => Value::GSet(BTreeSet::new()),
        Kind::OrSet => Value::OrSet(BTreeSet::new()),
        Kind::LwwRegister => Value::LwwRegister(Any::default()),
        Kind::Flag => Value::Flag(false),
        Kind::OrMap => Value::OrMap(BTreeMap::new()),
        Kind::Vote => Value::Vote(Votes {
            own: false,
            votes_for: 0,
            voters,
        }),
    }
}

pub(crate) fn apply(value: &mut Value, delta: CrdtDelta, by: By, voters: usize) {
    match (value, delta.delta.unwrap()) {
        (Value::GCounter(value), Delta::Gcounter(delta)) => *value += delta.increment,
        (Value::PnCounter(value), Delta::Pncounter(delta)) => *value += delta.change,
        (Value::GSet(value), Delta::Gset(delta)) => add(value, delta.added, by),
        (Value::OrSet(value), Delta::Orset(delta)) => {
            if delta.cleared {
                value.clear();
            }
            for element in delta.removed {
                let removed = value.remove(&Element::from(element));
                assert!(
                    removed || by == By::UserFunction,
                    "removed what is not there"
                );
            }
            add(value, delta.added, by);
        }
        (Value::LwwRegister(value), Delta::Lwwregister(delta)) => *value = delta.value.unwrap(),
        (Value::Flag(value), Delta::Flag(delta)) => *value |= delta.value,
        (Value::Vote(votes), Delta::Vote(delta)) => match by {
            By::UserFunction => {
                votes.votes_for -= usize::from(votes.own);
                votes.votes_for += usize::from(delta.self_vote);
                votes.own = delta.self_vote;
            }
            By::Proxy => {
                *votes = Votes {
                    own: delta.self_vote,
                    votes_for: delta.votes_for.try_into().unwrap(),
                    voters: delta.total_voters.try_into().unwrap(),
                };
            }
        },
        (Value::OrMap(entries), Delta::Ormap(delta)) => {
            if delta.cleared {
                entries.clear();
            }
            for key in delta.removed {
                let removed = entries.remove(&Element::from(key)).is_some();
                assert!(
                    removed || by == By::UserFunction,
                    "removed what is not there"
                );
            }
            for entry in delta.updated {
                let (key, delta) = (Element::from(entry.key.unwrap()), entry.delta.unwrap());
                let kind = Kind::of(&delta).unwrap();
                match entries.get_mut(&key).filter(|value| kind_of(value) == kind) {
                    Some(value) => apply(value, delta, by, voters),
                    None => assert!(by == By::UserFunction, "updated what is not there"),
                }
            }
            for entry in delta.added {
                let (key, delta) = (Element::from(entry.key.unwrap()), entry.delta.unwrap());
                let kind = Kind::of(&delta).unwrap();
                let mut there = entries.remove(&key);
                assert!(
                    there.is_none() || by == By::UserFunction,
                    "added what is there"
                );
                there.take_if(|value| kind_of(value) != kind);
                let mut value = there.unwrap_or_else(|| empty(kind, voters));
                apply(&mut value, delta, by, voters);
                entries.insert(key, value);
            }
        }
        (value, delta) => panic!("{delta:?} for {value:?}"),
    }
}

fn add(value: &mut BTreeSet<Element>, added: Vec<Any>, by: By) {
    for element in added {
        let new = value.insert(Element::from(element));
        assert!(new || by == By::UserFunction, "added what is there");
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::GCounter(_) => Kind::GCounter,
        Value::PnCounter(_) => Kind::PnCounter,
        Value::GSet(_) => Kind::GSet,
        Value::OrSet(_) => Kind::OrSet,
        Value::LwwRegister(_) => Kind::LwwRegister,
        Value::Flag(_) => Kind::Flag,
        Value::OrMap(_) => Kind::OrMap,
        Value::Vote(_) => Kind::Vote,
    }
}
