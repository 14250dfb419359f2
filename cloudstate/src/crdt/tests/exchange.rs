//! Types whose deltas converge by themselves, without a proxy's state in between.
//!
//! Counters allow any order, but each delta once: what is added twice counts twice. Sets that only grow and flags allow
//! any order and any number of times. The other types' deltas say what to change of a known value, and allow neither.

use proptest::{collection::vec, prelude::*, sample::select};

use super::operation::{Operation, command};
use crate::crdt::{AnyCrdt, CrdtType, replicated::Replicated};

const REPLICAS: usize = 3;

/// Runs commands on replicas, each of which takes the others' deltas in an order of its own, some of them again.
fn exchange(
    crdt_type: CrdtType,
    commands: &[(usize, Vec<Operation>)],
    orders: &[Vec<usize>],
    repeated: bool,
) -> Vec<AnyCrdt> {
    let mut replicas: Vec<_> = (0..REPLICAS).map(|_| AnyCrdt::new(crdt_type)).collect();
    let mut sent = Vec::new();
    for (replica, operations) in commands {
        let value = &mut replicas[*replica];
        for operation in operations {
            operation.run(value);
        }
        if let Some(delta) = value.delta() {
            sent.push((*replica, delta));
            value.settle();
        }
    }
    for (number, value) in replicas.iter_mut().enumerate() {
        let mut order: Vec<_> = (0..sent.len()).collect();
        order.sort_by_key(|index| orders[number].get(*index));
        if repeated {
            order.extend(orders[number].iter().filter(|index| **index < sent.len()));
        }
        for index in order {
            let (from, delta) = &sent[index];
            if *from != number || repeated {
                value.apply(delta.clone()).unwrap();
            }
        }
    }
    replicas
}

type Commands = Vec<(usize, Vec<Operation>)>;

/// A type, commands by replica, and an order of the deltas for each replica.
fn run(crdt_type: CrdtType) -> impl Strategy<Value = (CrdtType, Commands, Vec<Vec<usize>>)> {
    let commands = vec((0..REPLICAS, command(crdt_type)), 0..12);
    let orders = vec(vec(0..20_usize, 12), REPLICAS);
    (Just(crdt_type), commands, orders)
}

proptest! {
    #[test]
    fn counters_agree_in_any_order(
        (crdt_type, commands, orders) in
            select(vec![CrdtType::GCounter, CrdtType::PNCounter]).prop_flat_map(run),
    ) {
        let replicas = exchange(crdt_type, &commands, &orders, false);
        prop_assert!(replicas.iter().all(|replica| *replica == replicas[0]), "{replicas:?}");
    }

    #[test]
    fn sets_that_grow_and_flags_agree_in_any_order_with_duplicates(
        (crdt_type, commands, orders) in
            select(vec![CrdtType::GSet, CrdtType::Flag]).prop_flat_map(run),
    ) {
        let replicas = exchange(crdt_type, &commands, &orders, true);
        prop_assert!(replicas.iter().all(|replica| *replica == replicas[0]), "{replicas:?}");
    }
}
