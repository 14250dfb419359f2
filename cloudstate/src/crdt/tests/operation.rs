//! What handlers do to values, as data.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::crdt::{AnyCrdt, Clock, CrdtType};

pub(super) const TYPES: [CrdtType; 8] = [
    CrdtType::GCounter,
    CrdtType::PNCounter,
    CrdtType::GSet,
    CrdtType::ORSet,
    CrdtType::LWWRegister,
    CrdtType::Flag,
    CrdtType::ORMap,
    CrdtType::Vote,
];

/// One operation; it changes nothing on a value of a type that does not have it.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Increment(u8),
    Change(i8),
    Insert(char),
    Remove(char),
    Clear,
    Write(char, Clock),
    Enable,
    Vote(bool),
    /// The key names the type of its value.
    Create(CrdtType, char),
    Within(CrdtType, char, Box<Operation>),
    RemoveKey(CrdtType, char),
}

impl Operation {
    pub(super) fn run(&self, value: &mut AnyCrdt) {
        match (self, value) {
            (Self::Increment(by), AnyCrdt::GCounter(counter)) => counter.increment((*by).into()),
            (Self::Change(by), AnyCrdt::PNCounter(counter)) => counter.increment((*by).into()),
            (Self::Insert(element), AnyCrdt::GSet(set)) => {
                set.insert(element.to_string());
            }
            (Self::Insert(element), AnyCrdt::ORSet(set)) => {
                set.insert(element.to_string());
            }
            (Self::Remove(element), AnyCrdt::ORSet(set)) => {
                set.remove(&element.to_string());
            }
            (Self::Clear, AnyCrdt::ORSet(set)) => set.clear(),
            (Self::Write(value, clock), AnyCrdt::LWWRegister(register)) => {
                register.set_with(value.to_string(), *clock);
            }
            (Self::Enable, AnyCrdt::Flag(flag)) => flag.enable(),
            (Self::Vote(vote), AnyCrdt::Vote(votes)) => votes.vote(*vote),
            (Self::Create(crdt_type, name), AnyCrdt::ORMap(map)) => {
                map.get_or_insert_with(key(*crdt_type, *name), || AnyCrdt::new(*crdt_type));
            }
            (Self::Within(crdt_type, name, operation), AnyCrdt::ORMap(map)) => {
                let key = key(*crdt_type, *name);
                operation.run(map.get_or_insert_with(key, || AnyCrdt::new(*crdt_type)));
            }
            (Self::RemoveKey(crdt_type, name), AnyCrdt::ORMap(map)) => {
                map.remove(&key(*crdt_type, *name));
            }
            (Self::Clear, AnyCrdt::ORMap(map)) => map.clear(),
            _ => {}
        }
    }
}

fn key(crdt_type: CrdtType, name: char) -> String {
    format!("{crdt_type}-{name}")
}

/// The operations of one command on a value of this type.
pub(super) fn command(crdt_type: CrdtType) -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(crdt_type, 2), 0..5)
}

fn operation(crdt_type: CrdtType, depth: u32) -> BoxedStrategy<Operation> {
    let name = || select(vec!['a', 'b', 'c']);
    match crdt_type {
        CrdtType::GCounter => any::<u8>().prop_map(Operation::Increment).boxed(),
        CrdtType::PNCounter => any::<i8>().prop_map(Operation::Change).boxed(),
        CrdtType::GSet => name().prop_map(Operation::Insert).boxed(),
        CrdtType::ORSet => prop_oneof![
            4 => name().prop_map(Operation::Insert),
            3 => name().prop_map(Operation::Remove),
            1 => Just(Operation::Clear),
        ]
        .boxed(),
        CrdtType::LWWRegister => (name(), clock())
            .prop_map(|(value, clock)| Operation::Write(value, clock))
            .boxed(),
        CrdtType::Flag => Just(Operation::Enable).boxed(),
        CrdtType::Vote => any::<bool>().prop_map(Operation::Vote).boxed(),
        CrdtType::ORMap => {
            let types = &TYPES[..];
            let entry = move || (select(types), select(vec!['a', 'b']));
            let within = entry().prop_flat_map(move |(crdt_type, name)| {
                if crdt_type == CrdtType::ORMap && depth == 0 {
                    return Just(Operation::Create(crdt_type, name)).boxed();
                }
                operation(crdt_type, depth.saturating_sub(1))
                    .prop_map(move |inner| Operation::Within(crdt_type, name, Box::new(inner)))
                    .boxed()
            });
            prop_oneof![
                2 => entry().prop_map(|(crdt_type, name)| Operation::Create(crdt_type, name)),
                8 => within,
                3 => entry().prop_map(|(crdt_type, name)| Operation::RemoveKey(crdt_type, name)),
                1 => Just(Operation::Clear),
            ]
            .boxed()
        }
    }
}

fn clock() -> impl Strategy<Value = Clock> {
    prop_oneof![
        4 => Just(Clock::Default),
        1 => Just(Clock::Reverse),
        1 => (-3i64..10).prop_map(Clock::Custom),
        1 => (-3i64..10).prop_map(Clock::CustomAutoIncrement),
    ]
}
