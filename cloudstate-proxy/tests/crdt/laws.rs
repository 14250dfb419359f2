//! Merging is commutative, associative and idempotent: whatever way copies take, they become equal.

use proptest::prelude::*;

use crate::{
    generated::any_delta,
    histories::{Copies, cluster, config, copies, merged},
};
use cloudstate_proxy::crdt::{Crdt, Kind};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn merging_is_commutative(Copies([a, b, _]) in copies()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
    }

    #[test]
    fn merging_is_associative(Copies([a, b, c]) in copies()) {
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
    }

    #[test]
    fn merging_is_idempotent(Copies([a, b, _]) in copies()) {
        prop_assert_eq!(&merged(&a, &a), &a);
        let both = merged(&a, &b);
        prop_assert_eq!(&merged(&both, &a), &both);
        prop_assert_eq!(&merged(&a, &both), &both);
    }

    #[test]
    fn a_change_includes_what_was_before(
        (Copies([before, ..]), delta) in copies().prop_flat_map(|copies| {
            let delta = any_delta(copies.0[0].kind(), 2);
            (Just(copies), delta)
        })
    ) {
        let mut after = before.clone();
        after.update(delta, &cluster(0), 5_000).unwrap();
        prop_assert_eq!(&merged(&before, &after), &after);
        prop_assert_eq!(&merged(&after, &before), &after);
    }
}

#[test]
fn copies_of_different_types_do_not_merge() {
    let mut counter = Crdt::new(Kind::GCounter);
    let error = counter.merge(&Crdt::new(Kind::OrSet)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a ORSet cannot be merged into a GCounter"
    );
    assert_eq!(counter, Crdt::new(Kind::GCounter));
}
