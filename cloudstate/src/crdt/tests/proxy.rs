//! The same histories behind this project's own proxy: what handlers changed and what the proxy knows never part.
//!
//! As in a cluster, what a user function did reaches its proxy at once, and what the proxy has heard of others reaches
//! the user function later; between the two, handlers work on a value that is behind.

use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use cloudstate_proxy::crdt::{Cluster, Crdt, Kind, ReplicaId, UpdateError};
use proptest::{prelude::*, sample::select};

use super::{
    cluster::{Event, NODES, events},
    operation::{Operation, TYPES},
    value::Value,
};
use crate::crdt::{
    AnyCrdt, CrdtType,
    replicated::{Replicated, content, message},
};

/// A node's copy, and its user function.
struct Replica {
    cluster: Cluster,
    current: Crdt,
    /// What the user function takes for current.
    known: Crdt,
    value: AnyCrdt,
}

impl Replica {
    fn new(number: usize, crdt_type: CrdtType) -> Self {
        let id = |number| ReplicaId::new(number as u64 + 1);
        let copy = Crdt::new(kind(crdt_type));
        let mut replica = Self {
            cluster: Cluster::new(id(number), (0..NODES).map(id)),
            current: copy.clone(),
            known: copy,
            value: AnyCrdt::new(crdt_type),
        };
        replica.send(0);
        // A vote hears at once how many nodes there are; the other types hear nothing.
        replica.deliver();
        replica
    }

    fn run(&mut self, operations: &[Operation], fails: bool, now: i64) {
        for operation in operations {
            operation.run(&mut self.value);
        }
        if fails {
            self.value.roll_back();
        } else {
            self.send(now);
        }
    }

    /// The reply to a command reaches the proxy.
    fn send(&mut self, now: i64) {
        if let Some(delta) = self.value.delta() {
            let delta = message(delta);
            self.known
                .update_as_seen(delta.clone(), &self.cluster, now)
                .unwrap();
            let before = self.current.clone();
            match self.current.update(delta, &self.cluster, now) {
                Ok(()) => {}
                // A handler that is behind may create a flag in a map where another node's is on already. The entity
                // breaks down then, and is loaded anew.
                Err(UpdateError::FlagOff) => {
                    self.current = before;
                    self.load();
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.value.settle();
    }

    fn deliver(&mut self) {
        let known = self.known.value(&self.cluster);
        let current = self.current.value(&self.cluster);
        if let (Some(known), Some(current)) = (known, current)
            && let Some(delta) = current.since(&known)
        {
            self.value.apply(content(Some(delta)).unwrap()).unwrap();
        }
        self.known = self.current.clone();
    }

    fn load(&mut self) {
        if let Some(delta) = whole(&self.current, &self.cluster) {
            self.value = AnyCrdt::from_delta(content(Some(delta)).unwrap()).unwrap();
        }
        self.known = self.current.clone();
    }

    /// What the user function has is what the proxy takes it to have.
    fn check(&self) -> Result<(), TestCaseError> {
        if let Some(delta) = whole(&self.known, &self.cluster) {
            let known = AnyCrdt::from_delta(content(Some(delta)).unwrap()).unwrap();
            prop_assert_eq!(seen(&self.value), seen(&known));
        }
        prop_assert_eq!(self.value.delta(), None);
        Ok(())
    }
}

fn whole(copy: &Crdt, cluster: &Cluster) -> Option<CrdtDelta> {
    Some(copy.value(cluster)?.into_delta())
}

/// The value without the number of voters, which a new vote in a map does not know yet.
fn seen(value: &AnyCrdt) -> String {
    format!("{:?}", Value::read(value)).replace(&format!("voters: {NODES}"), "voters: 1")
}

/// The value without what differs from node to node by its nature.
fn agreed(value: &AnyCrdt) -> String {
    seen(value).replace("self_vote: true", "self_vote: false")
}

fn kind(crdt_type: CrdtType) -> Kind {
    match crdt_type {
        CrdtType::GCounter => Kind::GCounter,
        CrdtType::PNCounter => Kind::PnCounter,
        CrdtType::GSet => Kind::GSet,
        CrdtType::ORSet => Kind::OrSet,
        CrdtType::LWWRegister => Kind::LwwRegister,
        CrdtType::Flag => Kind::Flag,
        CrdtType::ORMap => Kind::OrMap,
        CrdtType::Vote => Kind::Vote,
    }
}

fn gossip(replicas: &mut [Replica], from: usize, to: usize) {
    let sent = replicas[from].current.clone();
    replicas[to].current.merge(&sent).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn user_functions_know_what_their_proxies_know(
        (crdt_type, events) in select(&TYPES[..]).prop_flat_map(|crdt_type| (Just(crdt_type), events(crdt_type))),
    ) {
        let mut replicas: Vec<_> = (0..NODES).map(|number| Replica::new(number, crdt_type)).collect();
        for (now, event) in (1..).zip(&events) {
            let changed = match event {
                Event::Command { node, operations, fails } => {
                    replicas[*node].run(operations, *fails, now);
                    *node
                }
                Event::Gossip { from, to } => {
                    gossip(&mut replicas, *from, *to);
                    *to
                }
                Event::Delivery { node } => {
                    replicas[*node].deliver();
                    *node
                }
                Event::Passivation { node } => {
                    replicas[*node].load();
                    *node
                }
            };
            replicas[changed].check()?;
        }
        for _ in 0..NODES {
            for from in 0..NODES {
                gossip(&mut replicas, from, (from + 1) % NODES);
            }
        }
        for replica in &mut replicas {
            replica.deliver();
            replica.check()?;
        }
        for replica in &replicas[1..] {
            prop_assert_eq!(agreed(&replica.value), agreed(&replicas[0].value));
        }
    }
}
