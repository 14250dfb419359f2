//! The stored form: exact, stable, compact, and refused where it is damaged.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use crate::{
    deltas::{gset, ormap, orset, pncounter, register},
    histories::{Copies, cluster, config, copies, merged},
};
use cloudstate_protocol::cloudstate::crdt::CrdtClock;
use cloudstate_proxy::crdt::{Cluster, Crdt};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_written_is_read(Copies([crdt, ..]) in copies()) {
        prop_assert_eq!(Crdt::decode(crdt.encode()).unwrap(), crdt);
    }

    #[test]
    fn equal_copies_are_equal_bytes(Copies([a, b, _]) in copies()) {
        prop_assert_eq!(merged(&a, &b).encode(), merged(&b, &a).encode());
    }

    #[test]
    fn the_size_as_a_delta_is_bounded(Copies([crdt, ..]) in copies()) {
        if let Some(value) = crdt.value(&cluster(0)) {
            prop_assert!(value.into_delta().encoded_len() <= crdt.delta_len());
        }
    }

    #[test]
    fn damage_never_panics(
        Copies([crdt, ..]) in copies(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<bool>(),
    ) {
        let mut bytes = crdt.encode().to_vec();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        if let Ok(mut read) = Crdt::decode(bytes.into()) {
            // It may be another CRDT, but it is one.
            if read.kind() == crdt.kind() {
                read.merge(&crdt).unwrap();
            }
            let _ = Crdt::decode(read.encode());
        }
    }
}

fn created(delta: cloudstate_protocol::cloudstate::crdt::CrdtDelta) -> Crdt {
    Crdt::create(delta, &Cluster::of_one(), 1).unwrap()
}

#[test]
fn an_element_costs_few_bytes_beside_its_own() {
    let elements: Vec<String> = (0..1000)
        .map(|number| format!("element {number:04}"))
        .collect();
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    let (payload, count) = (crate::deltas::text(elements[0]).value.len(), elements.len());
    let stored = created(orset(false, &[], &elements)).encode();
    let overhead = stored.len() - count * payload;
    assert!(
        overhead < count * 7,
        "{overhead} bytes for {count} elements"
    );
}

/// Stores are read by later releases: these bytes may only change together with the version.
#[test]
fn the_first_version_stays_as_it_is() {
    let crdt = created(ormap(
        false,
        &[],
        vec![],
        vec![
            ("a", gset(&["x", "y"])),
            ("b", pncounter(-2)),
            ("c", register("z", CrdtClock::Custom, 7)),
        ],
    ));
    let hex: String = crdt
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "08011216702e636c6f756473746174652e696f2f737472696e671a040801100122603a5e0a240a030100011a030a016122181a160a06010001010001120200001a030a01781a030a01790a160a030100011a030a0162220a12080a030100011201030a1e0a030100011a030a016322122a100a030100011201001a030a017a22010e"
    );
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    assert_eq!(Crdt::decode(bytes.into()).unwrap(), crdt);
}

#[test]
fn a_later_version_is_refused_by_name() {
    let error = Crdt::decode(Bytes::from_static(&[0x08, 2])).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
}
