//! Several nodes, each with a proxy and a user function, agree once they have heard of each other.
//!
//! Between proxies anything goes: states are merged in any order, and again and again. Between a proxy and its user
//! function the protocol allows one order only, that of the stream, and no duplicates: a delta there says what the user
//! function must change of what it has.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    node::{Node, State},
    operation::{Operation, TYPES, command},
    value::{Step, Value},
};
use crate::crdt::{AnyCrdt, CrdtType, replicated::Replicated};

pub(super) const NODES: usize = 3;

#[derive(Clone, Debug)]
pub(super) enum Event {
    Command {
        node: usize,
        operations: Vec<Operation>,
        fails: bool,
    },
    /// The state of a node reaches another one.
    Gossip { from: usize, to: usize },
    /// What a proxy has heard reaches its user function.
    Delivery { node: usize },
    /// The entity is loaded anew.
    Passivation { node: usize },
}

pub(super) fn events(crdt_type: CrdtType) -> impl Strategy<Value = Vec<Event>> {
    let command = (0..NODES, command(crdt_type), prop::bool::weighted(0.25)).prop_map(
        |(node, operations, fails)| Event::Command {
            node,
            operations,
            fails,
        },
    );
    let event = prop_oneof![
        4 => command,
        3 => (0..NODES, 0..NODES).prop_map(|(from, to)| Event::Gossip { from, to }),
        3 => (0..NODES).prop_map(|node| Event::Delivery { node }),
        1 => (0..NODES).prop_map(|node| Event::Passivation { node }),
    ];
    vec(event, 0..30)
}

/// A node's proxy and user function.
struct Replica {
    node: Node,
    state: State,
    /// What the proxy takes the user function to have.
    told: Value,
    value: AnyCrdt,
}

impl Replica {
    fn new(number: usize, crdt_type: CrdtType) -> Self {
        let mut replica = Self {
            node: Node {
                number,
                nodes: NODES,
                count: 0,
                time: 0,
            },
            state: State::empty(crdt_type),
            told: Value::empty(crdt_type),
            value: AnyCrdt::new(crdt_type),
        };
        replica.send();
        replica
    }

    fn run(&mut self, operations: &[Operation], fails: bool) {
        let before = self.value.clone();
        for operation in operations {
            operation.run(&mut self.value);
        }
        if fails {
            self.value.roll_back();
            assert_eq!(Value::read(&self.value), self.told);
            assert_eq!(format!("{:?}", self.value), format!("{before:?}"));
            assert_eq!(self.value.delta(), None);
        } else {
            self.send();
        }
    }

    /// The reply to a command reaches the proxy.
    fn send(&mut self) {
        if let Some(delta) = self.value.delta() {
            self.told.change(&delta);
            self.state.update(&delta, &mut self.node);
        }
        self.value.settle();
        assert_eq!(Value::read(&self.value), self.told);
        assert_eq!(self.value.delta(), None);
    }

    fn deliver(&mut self) {
        let known = self.state.value(&self.node);
        match self.told.step_to(&known) {
            Step::Nothing => {}
            Step::Delta(delta) => self.value.apply(delta).unwrap(),
            Step::Replacement => panic!("{:?} to {known:?}", self.told),
        }
        self.told = known;
        assert_eq!(Value::read(&self.value), self.told);
        assert_eq!(self.value.delta(), None);
    }

    /// The proxy's whole value makes the same of nothing and of an empty value.
    fn load(&mut self) {
        let known = self.state.value(&self.node);
        self.value = AnyCrdt::from_delta(known.whole()).unwrap();
        let mut reloaded = AnyCrdt::new(self.value.crdt_type());
        reloaded.reload(known.whole()).unwrap();
        assert_eq!(self.value, reloaded);
        let mut applied = AnyCrdt::new(self.value.crdt_type());
        applied.settle();
        applied.apply(known.whole()).unwrap();
        assert_eq!(self.value, applied);
        self.told = known;
        assert_eq!(Value::read(&self.value), self.told);
        assert_eq!(self.value.delta(), None);
    }

    /// The value without what differs from node to node by its nature.
    fn agreed(&self) -> String {
        format!("{:?}", self.told)
            .replace("self_vote: true", "")
            .replace("self_vote: false", "")
    }
}

fn gossip(replicas: &mut [Replica], from: usize, to: usize) {
    let state = replicas[from].state.clone();
    let time = replicas[from].node.time;
    let target = &mut replicas[to];
    target.state.merge(&state);
    target.node.time = target.node.time.max(time);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nodes_agree_once_they_have_heard_of_each_other(
        (crdt_type, events) in select(&TYPES[..]).prop_flat_map(|crdt_type| (Just(crdt_type), events(crdt_type))),
    ) {
        let mut replicas: Vec<_> = (0..NODES).map(|number| Replica::new(number, crdt_type)).collect();
        for event in &events {
            match event {
                Event::Command { node, operations, fails } => replicas[*node].run(operations, *fails),
                Event::Gossip { from, to } => gossip(&mut replicas, *from, *to),
                Event::Delivery { node } => replicas[*node].deliver(),
                Event::Passivation { node } => replicas[*node].load(),
            }
        }
        for _ in 0..NODES {
            for from in 0..NODES {
                gossip(&mut replicas, from, (from + 1) % NODES);
            }
        }
        for replica in &mut replicas {
            replica.deliver();
        }
        for replica in &replicas[1..] {
            prop_assert_eq!(replica.agreed(), replicas[0].agreed());
        }
    }
}
