//! A user function that applies every delta it is sent knows the value.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    deltas::{gset, ormap, orset, pncounter, tally},
    generated::any_delta,
    histories::{Copies, REPLICAS, cluster, config, copies, merged},
    observer::{self, By, empty},
};
use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use cloudstate_proxy::crdt::{Cluster, Crdt, Kind, Value};

fn value(crdt: &Crdt) -> Value {
    crdt.value(&cluster(0))
        .unwrap_or_else(|| empty(crdt.kind(), REPLICAS))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_whole_value_makes_itself_of_an_empty_one(Copies([crdt, ..]) in copies()) {
        prop_assume!(crdt.value(&cluster(0)).is_some());
        let mut known = empty(crdt.kind(), REPLICAS);
        observer::apply(&mut known, value(&crdt).into_delta(), By::Proxy, REPLICAS);
        prop_assert_eq!(known, value(&crdt));
    }

    #[test]
    fn a_difference_leads_from_the_known_value_to_the_current_one(Copies([a, b, _]) in copies()) {
        let both = merged(&a, &b);
        let mut known = value(&a);
        match value(&both).since(&known) {
            Some(delta) => observer::apply(&mut known, delta, By::Proxy, REPLICAS),
            None => prop_assert_eq!(&known, &value(&both)),
        }
        prop_assert_eq!(known, value(&both));
    }

    #[test]
    fn a_user_function_knows_the_value_after_its_own_changes(
        (kind, deltas) in select(&Kind::ALL[..])
            .prop_flat_map(|kind| (Just(kind), vec(any_delta(kind, 2), 1..10)))
    ) {
        let cluster = Cluster::of_one();
        let mut crdt = Crdt::new(kind);
        let mut known = empty(kind, 1);
        for (now, delta) in (1_000..).zip(deltas) {
            let shadow = crdt.may_overrule(&delta, now).then(|| {
                let mut shadow = crdt.clone();
                shadow.update_as_seen(delta.clone(), &cluster, now).unwrap();
                shadow.value(&cluster).unwrap()
            });
            observer::apply(&mut known, delta.clone(), By::UserFunction, 1);
            crdt.update(delta, &cluster, now).unwrap();
            let current = crdt.value(&cluster).unwrap();
            match shadow {
                None => prop_assert_eq!(&known, &current),
                Some(shadow) => {
                    prop_assert_eq!(&known, &shadow);
                    if let Some(delta) = current.since(&known) {
                        observer::apply(&mut known, delta, By::Proxy, 1);
                    }
                    prop_assert_eq!(&known, &current);
                }
            }
        }
    }
}

/// The values that these two deltas make, one by one.
fn between(known: CrdtDelta, current: CrdtDelta) -> Option<CrdtDelta> {
    let make = |delta| {
        Crdt::create(delta, &Cluster::of_one(), 1)
            .unwrap()
            .value(&Cluster::of_one())
            .unwrap()
    };
    make(current).since(&make(known))
}

#[test]
fn a_set_is_sent_anew_where_that_is_shorter() {
    let set = |elements: &[&str]| orset(false, &[], elements);
    assert_eq!(
        between(set(&["a", "b", "c"]), set(&["b", "c", "d"])),
        Some(orset(false, &["a"], &["d"]))
    );
    assert_eq!(
        between(set(&["a", "b", "c"]), set(&["c", "d"])),
        Some(orset(true, &[], &["c", "d"]))
    );
    assert_eq!(between(set(&["a"]), set(&[])), Some(orset(true, &[], &[])));
    assert_eq!(between(set(&["a"]), set(&["a"])), None);
}

#[test]
fn a_map_entry_of_another_type_is_removed_and_added() {
    let map = |entries| ormap(false, &[], vec![], entries);
    assert_eq!(
        between(
            map(vec![("a", pncounter(1)), ("b", pncounter(2))]),
            map(vec![("a", gset(&["x"])), ("b", pncounter(5))])
        ),
        Some(ormap(
            false,
            &["a"],
            vec![("b", pncounter(3))],
            vec![("a", gset(&["x"]))]
        )),
    );
    assert_eq!(
        between(map(vec![("a", pncounter(1))]), map(vec![])),
        Some(ormap(true, &[], vec![], vec![]))
    );
}

#[test]
fn the_votes_of_members_are_counted() {
    let vote = |crdt: &mut Crdt, replica| {
        crdt.update(crate::deltas::vote(true), &cluster(replica), 1)
            .unwrap();
    };
    let mut crdt = Crdt::new(Kind::Vote);
    vote(&mut crdt, 1);
    vote(&mut crdt, 2);
    let seen_by = |cluster: &Cluster| crdt.value(cluster).unwrap().into_delta();
    assert_eq!(seen_by(&cluster(0)), tally(false, 2, 3));
    assert_eq!(seen_by(&cluster(1)), tally(true, 2, 3));
    assert_eq!(seen_by(&Cluster::of_one()), tally(false, 0, 1));
}
