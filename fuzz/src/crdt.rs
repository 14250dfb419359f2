//! CRDTs: what is stored, and what user functions say of them.

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use cloudstate_proxy::crdt::{Changes, Cluster, Crdt, Kind, ReplicaId};
use prost::Message;

/// When every change is made, in milliseconds since 1970.
const NOW: i64 = 1_700_000_000_000;

/// Stored bytes, of a copy or of its changes: what is accepted is a CRDT in every respect.
pub(crate) fn stored(data: &[u8]) {
    if let Ok(crdt) = Crdt::decode(Bytes::copy_from_slice(data)) {
        check(&crdt);
    }
    for kind in Kind::ALL {
        let mut crdt = Crdt::new(kind);
        if crdt.replay(Bytes::copy_from_slice(data)).is_ok() {
            check(&crdt);
        }
    }
}

/// Messages that follow each other, each behind its length in two bytes, whose highest bit says which of two replicas it
/// is for. Their copies are joined in either order, and are one.
pub(crate) fn deltas(mut data: &[u8]) {
    let replicas = [1, 2].map(ReplicaId::new);
    let clusters = replicas.map(|replica| Cluster::new(replica, replicas));
    let mut copies: [Option<Crdt>; 2] = [None, None];
    while let Some((head, rest)) = data.split_first_chunk::<2>() {
        let head = u16::from_be_bytes(*head);
        let (which, length) = (usize::from(head >> 15), usize::from(head & 0x7fff));
        let (message, rest) = rest.split_at(length.min(rest.len()));
        data = rest;
        let Ok(delta) = CrdtDelta::decode(message) else {
            continue;
        };
        let (copy, cluster) = (&mut copies[which], &clusters[which]);
        let changed = match copy {
            // A delta that cannot be applied leaves nothing of use behind.
            Some(crdt) => {
                let (mut changed, mut read) = (crdt.clone(), crdt.clone());
                let mut changes = Changes::of(crdt, cluster);
                changes.push(&delta, NOW);
                changed.update(delta, cluster, NOW).map(|()| {
                    read.replay(changes.encode()).expect("what was done");
                    assert_eq!(read, changed);
                    changed
                })
            }
            None => Crdt::create(delta, cluster, NOW),
        };
        if let Ok(changed) = changed {
            check(&changed);
            *copy = Some(changed);
        }
    }
    if let [Some(one), Some(other)] = copies
        && one.kind() == other.kind()
    {
        let (mut ours, mut theirs) = (one.clone(), other.clone());
        ours.merge(&other).unwrap();
        theirs.merge(&one).unwrap();
        assert_eq!(ours, theirs);
        assert_eq!(ours.encode(), theirs.encode());
        check(&ours);
    }
}

/// It is stored and read as it is, is no larger as a delta than it says, and learns nothing from itself.
fn check(crdt: &Crdt) {
    let encoded = crdt.encode();
    let read = Crdt::decode(encoded.clone()).expect("what was encoded");
    assert_eq!(&read, crdt);
    assert_eq!(read.encode(), encoded);
    let mut joined = crdt.clone();
    joined.merge(crdt).unwrap();
    assert_eq!(&joined, crdt);
    if let Some(value) = crdt.value(&Cluster::of_one()) {
        assert_eq!(value.since(&value), None);
        assert!(value.into_delta().encoded_len() <= crdt.delta_len());
    }
}
