//! Histories of three replicas that change their copies and send them to each other.

use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use cloudstate_proxy::crdt::{Cluster, Crdt, Kind, ReplicaId};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::generated::any_delta;

/// Failures are not written to files: they would land outside the tests' directory.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(crate) const REPLICAS: usize = 3;

/// Each replica's copy after a history.
#[derive(Clone, Debug)]
pub(crate) struct Copies(pub(crate) [Crdt; REPLICAS]);

#[derive(Clone, Debug)]
enum Step {
    Change(usize, CrdtDelta),
    Send { from: usize, to: usize },
}

pub(crate) fn cluster(replica: usize) -> Cluster {
    let id = |number| ReplicaId::new(number as u64 + 1);
    Cluster::new(id(replica), (0..REPLICAS).map(id))
}

/// What three replicas of one CRDT may have come to.
pub(crate) fn copies() -> impl Strategy<Value = Copies> {
    // Most of what can go wrong goes wrong in maps.
    let kind = prop_oneof![select(&Kind::ALL[..]), Just(Kind::OrMap)];
    kind.prop_flat_map(|kind| {
        let replica = 0..REPLICAS;
        let step = prop_oneof![
            2 => (replica.clone(), any_delta(kind, 2)).prop_map(|(at, delta)| Step::Change(at, delta)),
            1 => (replica.clone(), replica).prop_map(|(from, to)| Step::Send { from, to }),
        ];
        vec(step, 0..20).prop_map(move |steps| run(kind, steps))
    })
}

fn run(kind: Kind, steps: Vec<Step>) -> Copies {
    let mut copies = std::array::from_fn(|_| Crdt::new(kind));
    for (now, step) in (1_000..).zip(steps) {
        match step {
            Step::Change(at, delta) => copies[at].update(delta, &cluster(at), now).unwrap(),
            Step::Send { from, to } => {
                let sent = copies[from].clone();
                copies[to].merge(&sent).unwrap();
            }
        }
    }
    Copies(copies)
}

pub(crate) fn merged(a: &Crdt, b: &Crdt) -> Crdt {
    let mut result = a.clone();
    result.merge(b).unwrap();
    result
}
