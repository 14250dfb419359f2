//! The rules of each type, one by one.

use cloudstate_protocol::cloudstate::crdt::{CrdtClock, CrdtDelta};
use cloudstate_proxy::crdt::{Cluster, Crdt, Kind, UpdateError};

use crate::{
    deltas::{flag, gcounter, gset, ormap, orset, pncounter, register},
    histories::{cluster, merged},
};

/// A replica alone, and a time that goes on.
struct Alone {
    crdt: Crdt,
    now: i64,
}

impl Alone {
    fn of(delta: CrdtDelta) -> Self {
        Self {
            crdt: Crdt::create(delta, &Cluster::of_one(), 1_000).unwrap(),
            now: 1_000,
        }
    }

    fn update(&mut self, delta: CrdtDelta) -> Result<CrdtDelta, UpdateError> {
        self.crdt.update(delta, &Cluster::of_one(), self.now)?;
        Ok(self.value())
    }

    fn value(&self) -> CrdtDelta {
        self.crdt.value(&Cluster::of_one()).unwrap().into_delta()
    }
}

fn written(value: &str) -> CrdtDelta {
    register(value, CrdtClock::Default, 0)
}

#[test]
fn a_counter_that_grows_takes_no_negative_increment() {
    let error = Alone::of(gcounter(1))
        .update(gcounter(u64::MAX))
        .unwrap_err();
    assert_eq!(error, UpdateError::Negative(-1));
}

#[test]
fn counters_do_not_wrap() {
    let most = i64::MAX.cast_unsigned();
    let mut counter = Alone::of(gcounter(most));
    counter.update(gcounter(most)).unwrap();
    assert_eq!(
        counter.update(gcounter(2)).unwrap_err(),
        UpdateError::Overflow(Kind::GCounter)
    );
    let mut counter = Alone::of(pncounter(i64::MIN));
    assert_eq!(
        counter.update(pncounter(-1)).unwrap_err(),
        UpdateError::Overflow(Kind::PnCounter)
    );
}

#[test]
fn a_flag_is_not_switched_off() {
    let mut off = Alone::of(flag(false));
    assert_eq!(off.update(flag(false)), Ok(flag(false)));
    assert_eq!(off.update(flag(true)), Ok(flag(true)));
    assert_eq!(off.update(flag(false)), Err(UpdateError::FlagOff));
}

#[test]
fn a_set_is_cleared_then_loses_then_gains() {
    let mut set = Alone::of(orset(false, &[], &["a", "b"]));
    assert_eq!(
        set.update(orset(true, &["c"], &["c", "d"])),
        Ok(orset(false, &[], &["c", "d"]))
    );
    assert_eq!(
        set.update(orset(false, &["d", "x"], &["c"])),
        Ok(orset(false, &[], &["c"]))
    );
}

#[test]
fn a_map_is_cleared_then_loses_then_changes_then_gains() {
    let map = |entries| ormap(false, &[], vec![], entries);
    let mut crdt = Alone::of(map(vec![("a", pncounter(1)), ("b", gset(&["x"]))]));
    let changed = crdt.update(ormap(
        false,
        &["b"],
        // Neither what is missing nor what has another type is touched.
        vec![
            ("a", pncounter(2)),
            ("b", gset(&["y"])),
            ("c", flag(true)),
            ("a", flag(true)),
        ],
        vec![("b", gset(&["z"]))],
    ));
    assert_eq!(
        changed,
        Ok(map(vec![("a", pncounter(3)), ("b", gset(&["z"]))]))
    );
    let cleared = crdt.update(ormap(
        true,
        &[],
        vec![("a", pncounter(1))],
        vec![("a", gset(&[]))],
    ));
    assert_eq!(cleared, Ok(map(vec![("a", gset(&[]))])));
}

#[test]
fn a_key_that_was_removed_starts_anew() {
    let map = |entries| ormap(false, &[], vec![], entries);
    let mut crdt = Alone::of(map(vec![("a", gcounter(5))]));
    let again = crdt.update(ormap(false, &["a"], vec![], vec![("a", gcounter(1))]));
    assert_eq!(again, Ok(map(vec![("a", gcounter(1))])));
}

#[test]
fn a_delta_must_be_of_the_type_and_complete() {
    assert_eq!(
        Alone::of(flag(true)).update(CrdtDelta::default()),
        Err(UpdateError::Untyped)
    );
    assert_eq!(
        Alone::of(flag(true))
            .update(gset(&[]))
            .unwrap_err()
            .to_string(),
        "a delta of GSet cannot be applied to Flag"
    );
    let nested = ormap(false, &[], vec![], vec![("a", CrdtDelta::default())]);
    assert_eq!(
        Alone::of(ormap(false, &[], vec![], vec![])).update(nested),
        Err(UpdateError::Untyped)
    );
}

#[test]
fn maps_in_maps_have_a_limit() {
    let nested = |depth| {
        (0..depth).fold(gset(&[]), |inner, _| {
            ormap(false, &[], vec![], vec![("m", inner)])
        })
    };
    let deep = Alone::of(nested(16)).crdt;
    assert_eq!(Crdt::decode(deep.encode()).unwrap(), deep);
    let error = Crdt::create(nested(17), &Cluster::of_one(), 1).unwrap_err();
    assert_eq!(error, UpdateError::TooDeep);
}

#[test]
fn the_default_clock_never_goes_back() {
    let mut register = Alone::of(written("a"));
    register.now = 500;
    assert_eq!(register.update(written("b")), Ok(written("b")));
    assert_eq!(register.update(written("c")), Ok(written("c")));
}

#[test]
fn with_the_reverse_clock_the_first_write_stays() {
    let reverse = |value| register(value, CrdtClock::Reverse, 0);
    let mut first = Alone::of(reverse("a"));
    first.now += 1;
    assert!(first.crdt.may_overrule(&reverse("b"), first.now));
    assert_eq!(first.update(reverse("b")), Ok(written("a")));
}

#[test]
fn with_a_custom_clock_the_greatest_value_stays() {
    let custom = |value, clock| register(value, CrdtClock::Custom, clock);
    let mut register = Alone::of(custom("a", 10));
    assert_eq!(register.update(custom("b", 9)), Ok(written("a")));
    assert_eq!(register.update(custom("c", 10)), Ok(written("c")));
    assert_eq!(register.update(custom("d", 11)), Ok(written("d")));
}

/// A map is only compared with what the user function knows of it where a write of one of its registers is lost.
#[test]
fn in_a_map_only_a_write_that_loses_overrules() {
    let custom = |key, value, clock| (key, register(value, CrdtClock::Custom, clock));
    let updated = |entries| ormap(false, &[], entries, vec![]);
    let added = |entries| ormap(false, &[], vec![], entries);
    let overrules = |map: &Alone, delta| map.crdt.may_overrule(&delta, map.now);
    let map = Alone::of(added(vec![custom("a", "x", 10), ("b", gset(&["y"]))]));
    for wins in [10, 11] {
        assert!(!overrules(&map, updated(vec![custom("a", "z", wins)])));
        assert!(!overrules(&map, added(vec![custom("a", "z", wins)])));
    }
    assert!(overrules(&map, updated(vec![custom("a", "z", 9)])));
    assert!(overrules(&map, added(vec![custom("a", "z", 9)])));
    // What is not there, or is of another type, has nothing to lose against.
    for key in ["b", "c"] {
        assert!(!overrules(&map, added(vec![custom(key, "z", 1)])));
        assert!(!overrules(&map, updated(vec![custom(key, "z", 1)])));
    }
    // Two in one delta may be of one key.
    assert!(overrules(
        &map,
        added(vec![custom("c", "z", 2), custom("c", "z", 1)])
    ));

    let map = Alone::of(added(vec![("m", added(vec![custom("a", "x", 10)]))]));
    let inner = |clock| updated(vec![("m", updated(vec![custom("a", "z", clock)]))]);
    assert!(overrules(&map, inner(9)));
    assert!(!overrules(&map, inner(10)));
}

#[test]
fn the_incrementing_custom_clock_never_loses() {
    let auto = |value, clock| register(value, CrdtClock::CustomAutoIncrement, clock);
    let mut crdt = Alone::of(auto("a", 10));
    assert!(!crdt.crdt.may_overrule(&auto("b", 3), 0));
    assert_eq!(crdt.update(auto("b", 3)), Ok(written("b")));
    // That was 11, so that 11 now is the same time and later.
    assert_eq!(
        crdt.update(register("c", CrdtClock::Custom, 10)),
        Ok(written("b"))
    );
    assert_eq!(
        crdt.update(register("d", CrdtClock::Custom, 11)),
        Ok(written("d"))
    );
}

/// Two replicas that both know what `before` makes, and then each change it without the other.
fn apart(before: CrdtDelta, one: CrdtDelta, other: CrdtDelta) -> CrdtDelta {
    let first = Crdt::create(before, &cluster(0), 1).unwrap();
    let (mut a, mut b) = (first.clone(), first);
    a.update(one, &cluster(0), 2).unwrap();
    b.update(other, &cluster(1), 3).unwrap();
    merged(&a, &b).value(&cluster(0)).unwrap().into_delta()
}

#[test]
fn counting_at_two_places_adds_up() {
    assert_eq!(apart(gcounter(1), gcounter(2), gcounter(4)), gcounter(7));
    assert_eq!(
        apart(pncounter(1), pncounter(2), pncounter(-4)),
        pncounter(-1)
    );
}

#[test]
fn adding_wins_over_removing_what_was_not_seen() {
    let set = |elements: &[&str]| orset(false, &[], elements);
    assert_eq!(
        apart(set(&["a"]), orset(false, &["a"], &[]), set(&["a"])),
        set(&["a"])
    );
    assert_eq!(
        apart(set(&["a"]), orset(true, &[], &[]), set(&["b"])),
        set(&["b"])
    );
}

#[test]
fn updating_an_entry_wins_over_removing_it() {
    let map = |entries| ormap(false, &[], vec![], entries);
    let merged = apart(
        map(vec![("a", orset(false, &[], &["x"]))]),
        ormap(false, &["a"], vec![], vec![]),
        ormap(false, &[], vec![("a", orset(false, &[], &["y"]))], vec![]),
    );
    assert_eq!(merged, map(vec![("a", orset(false, &[], &["y"]))]));
}

#[test]
fn an_entry_that_two_replicas_add_with_different_types_has_one_of_them() {
    let map = |entries| ormap(false, &[], vec![], entries);
    let merged = apart(
        map(vec![]),
        map(vec![("a", gset(&["x"]))]),
        map(vec![("a", gcounter(3))]),
    );
    assert_eq!(merged, map(vec![("a", gcounter(3))]));
}

#[test]
fn the_later_of_two_writes_stays() {
    assert_eq!(
        apart(written("a"), written("b"), written("c")),
        written("c")
    );
}
