//! Changes behind a stored copy: made again they are the same, and refused where they are not what was written.

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use cloudstate_proxy::crdt::{Changes, Cluster, Crdt, DecodeError, Kind};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    deltas::{gset, orset},
    generated::any_delta,
    histories::{Copies, cluster, config, copies},
};

/// A copy, the deltas that one of its replicas makes next, and when.
fn changed() -> impl Strategy<Value = (Crdt, usize, Vec<(CrdtDelta, i64)>)> {
    let copy = (copies(), 0_usize..3).prop_map(|(Copies(copies), at)| (copies[at].clone(), at));
    copy.prop_flat_map(|(copy, at)| {
        let now = prop_oneof![Just(0), -5_i64..5, any::<i64>()];
        let changes = vec((any_delta(copy.kind(), 2), now), 0..12);
        changes.prop_map(move |changes| (copy.clone(), at, changes))
    })
}

proptest! {
    #![proptest_config(config())]

    /// Wherever a copy is written whole, and however the changes are taken together behind it.
    #[test]
    fn a_copy_and_its_changes_are_the_copy_that_was_changed(
        (mut copy, at, changes) in changed(),
        written in vec(select(&[Written::Not, Written::Changes, Written::Whole][..]), 12),
    ) {
        let cluster = cluster(at);
        let (mut whole, mut behind) = (copy.encode(), Vec::new());
        let mut notes = Changes::of(&copy, &cluster);
        for ((delta, now), written) in changes.into_iter().zip(written) {
            notes.push(&delta, now);
            copy.update(delta, &cluster, now).unwrap();
            match written {
                Written::Not => continue,
                Written::Changes => behind.push(notes.encode()),
                Written::Whole => {
                    (whole, behind) = (copy.encode(), Vec::new());
                }
            }
            notes = Changes::of(&copy, &cluster);
            let mut read = Crdt::decode(whole.clone()).unwrap();
            for changes in &behind {
                read.replay(changes.clone()).unwrap();
            }
            prop_assert_eq!(&read, &copy);
            prop_assert_eq!(read.encode(), copy.encode());
        }
    }

    #[test]
    fn what_is_taken_back_is_not_there(
        (copy, at, changes) in changed(),
        kept in any::<prop::sample::Index>(),
    ) {
        let cluster = cluster(at);
        let kept = kept.index(changes.len() + 1);
        let (mut all, mut first) = (Changes::of(&copy, &cluster), Changes::of(&copy, &cluster));
        let mut len = 0;
        for (number, (delta, now)) in changes.iter().enumerate() {
            if number == kept {
                len = all.len();
            }
            all.push(delta, *now);
            if number < kept {
                first.push(delta, *now);
            }
        }
        if kept < changes.len() {
            all.truncate(len);
        }
        prop_assert_eq!(all.is_empty(), kept == 0);
        prop_assert_eq!(all.encode(), first.encode());
    }

    #[test]
    fn damage_never_panics(
        (copy, at, changes) in changed(),
        place in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<bool>(),
    ) {
        let mut notes = Changes::of(&copy, &cluster(at));
        for (delta, now) in &changes {
            notes.push(delta, *now);
        }
        let mut bytes = notes.encode().to_vec();
        let place = place.index(bytes.len());
        if cut {
            bytes.truncate(place);
        } else {
            bytes[place] = byte;
        }
        let mut read = copy.clone();
        if read.replay(bytes.into()).is_ok() {
            // They may be other changes, but what they make is a copy.
            prop_assert_eq!(Crdt::decode(read.encode()).unwrap(), read);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Written {
    Not,
    Changes,
    Whole,
}

fn set(elements: &[&str]) -> Crdt {
    Crdt::create(gset(elements), &Cluster::of_one(), 1).unwrap()
}

fn one_change(copy: &Crdt, delta: &CrdtDelta) -> Bytes {
    let mut notes = Changes::of(copy, &Cluster::of_one());
    notes.push(delta, 1);
    notes.encode()
}

#[test]
fn changes_are_made_to_the_copy_that_they_changed_and_to_no_other() {
    let copy = set(&["a"]);
    let changes = one_change(&copy, &gset(&["b"]));
    let mut changed = copy.clone();
    changed.replay(changes.clone()).unwrap();
    assert_ne!(changed, copy);
    // They are made already.
    let again = changed.replay(changes.clone());
    assert!(
        matches!(again, Err(DecodeError::Inconsistent(_))),
        "{again:?}"
    );
    // A change before them is missing.
    let early = Crdt::new(Kind::GSet).replay(changes);
    assert!(
        matches!(early, Err(DecodeError::Inconsistent(_))),
        "{early:?}"
    );
    // They are of another type.
    let other = copy
        .clone()
        .replay(one_change(&copy, &orset(true, &[], &[])));
    assert!(
        matches!(other, Err(DecodeError::Inconsistent(_))),
        "{other:?}"
    );
}

#[test]
fn a_change_is_as_large_as_its_delta() {
    let elements: Vec<String> = (0..10_000)
        .map(|number| format!("element {number}"))
        .collect();
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    let copy = set(&elements);
    let delta = gset(&["one more"]);
    let changes = one_change(&copy, &delta);
    let overhead = changes.len() - prost::Message::encoded_len(&delta);
    assert!(overhead < 20, "{overhead} bytes around a delta");
}

/// Stores are read by later releases: these bytes, and what they make, may only change together with the version.
#[test]
fn the_first_version_stays_as_it_is() {
    let copy = set(&["a"]);
    let changes = one_change(&copy, &gset(&["b"]));
    let hex: String = changes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "0801100118022225080212211a1f0a1d0a16702e636c6f756473746174652e696f2f737472696e6712030a0162"
    );
    let mut read = copy.clone();
    read.replay(changes).unwrap();
    let mut changed = copy;
    changed.update(gset(&["b"]), &Cluster::of_one(), 1).unwrap();
    assert_eq!(read, changed);
}

#[test]
fn a_later_version_is_refused_by_name() {
    let error = set(&["a"])
        .replay(Bytes::from_static(&[0x08, 2]))
        .unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
}
