//! What is sent, case by case.

use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use cloudstate_protocol::cloudstate::crdt::{
    CrdtClock, FlagDelta, GCounterDelta, GSetDelta, LwwRegisterDelta, OrMapDelta, OrMapEntryDelta,
    OrSetDelta, PnCounterDelta, VoteDelta, crdt_delta::Delta,
};
use proptest::prelude::*;

use crate::{
    Any, Payload,
    crdt::{
        AnyCrdt, Clock, CrdtType, Flag, GCounter, GSet, LWWRegister, LWWRegisterMap, ORMap, ORSet,
        PNCounter, PNCounterMap, Vote,
        replicated::{Replicated, message},
    },
};

fn text(value: &str) -> Any {
    Any {
        type_url: String::type_url(),
        value: value.to_owned().encode(),
    }
}

fn texts(values: &[&str]) -> Vec<Any> {
    values.iter().map(|value| text(value)).collect()
}

fn orset(cleared: bool, removed: &[&str], added: &[&str]) -> Option<Delta> {
    Some(Delta::Orset(OrSetDelta {
        cleared,
        removed: texts(removed),
        added: texts(added),
    }))
}

fn register(value: &str, clock: CrdtClock, number: i64) -> Delta {
    Delta::Lwwregister(LwwRegisterDelta {
        value: Some(text(value)),
        clock: clock.into(),
        custom_clock_value: number,
    })
}

fn entry(key: &str, delta: Delta) -> OrMapEntryDelta {
    OrMapEntryDelta {
        key: Some(text(key)),
        delta: Some(message(delta)),
    }
}

fn change(change: i64) -> Delta {
    Delta::Pncounter(PnCounterDelta { change })
}

/// The pending change, which the proxy then knows.
fn sent(value: &mut impl Replicated) -> Option<Delta> {
    let delta = value.delta();
    value.settle();
    delta
}

fn s(value: &str) -> String {
    value.to_owned()
}

#[test]
fn increments_of_a_command_add_up() {
    let mut counter = GCounter::default();
    counter.increment(0);
    assert_eq!(sent(&mut counter), None);
    counter.increment(1);
    counter.increment(2);
    assert_eq!(
        sent(&mut counter),
        Some(Delta::Gcounter(GCounterDelta { increment: 3 }))
    );
    assert_eq!(sent(&mut counter), None);
}

#[test]
fn a_growing_counter_stays_at_its_end_and_sends_what_it_added() {
    let mut counter = GCounter::default();
    counter.increment(u64::MAX - 1);
    counter.settle();
    counter.increment(5);
    assert_eq!(counter.value(), u64::MAX);
    assert_eq!(
        counter.delta(),
        Some(Delta::Gcounter(GCounterDelta { increment: 1 }))
    );
    counter.roll_back();
    assert_eq!(counter.value(), u64::MAX - 1);
}

#[test]
fn changes_that_cancel_out_are_not_sent() {
    let mut counter = PNCounter::default();
    counter.increment(5);
    counter.decrement(5);
    assert_eq!(sent(&mut counter), None);
    counter.decrement(2);
    assert_eq!(sent(&mut counter), Some(change(-2)));
}

proptest! {
    #[test]
    fn a_counter_at_the_ends_of_its_range_sends_what_it_changed(start: i64, first: i64, second: i64) {
        let mut counter = PNCounter::from_delta(change(start)).unwrap();
        counter.increment(first);
        counter.decrement(second);
        let mut other = PNCounter::from_delta(change(start)).unwrap();
        if let Some(delta) = counter.delta() {
            other.apply(delta).unwrap();
        }
        prop_assert_eq!(&counter, &other);
        counter.roll_back();
        prop_assert_eq!(counter.value(), start);
    }
}

#[test]
fn a_growing_set_sends_what_is_new() {
    let mut set = GSet::default();
    assert!(set.insert(s("a")));
    assert!(!set.insert(s("a")));
    let added = texts(&["a"]);
    assert_eq!(sent(&mut set), Some(Delta::Gset(GSetDelta { added })));
    set.insert(s("a"));
    assert_eq!(sent(&mut set), None);
}

#[test]
fn an_element_that_comes_back_was_never_gone() {
    let mut set = ORSet::default();
    set.extend([s("a"), s("b"), s("c")]);
    assert_eq!(sent(&mut set), orset(false, &[], &["a", "b", "c"]));
    assert!(set.remove(&s("b")));
    assert!(!set.remove(&s("d")));
    assert!(set.insert(s("b")));
    assert!(set.insert(s("e")));
    assert!(set.remove(&s("e")));
    assert_eq!(sent(&mut set), None);
    set.remove(&s("b"));
    assert_eq!(sent(&mut set), orset(false, &["b"], &[]));
}

#[test]
fn clearing_a_set_drops_what_the_command_did_before() {
    let mut set = ORSet::default();
    set.insert(s("a"));
    set.settle();
    set.insert(s("b"));
    set.remove(&s("a"));
    set.clear();
    set.insert(s("x"));
    set.insert(s("y"));
    set.remove(&s("y"));
    assert_eq!(set.delta(), orset(true, &[], &["x"]));
    set.clear();
    assert_eq!(set.delta(), orset(true, &[], &[]));
    set.roll_back();
    assert_eq!(set.iter().collect::<Vec<_>>(), ["a"]);
    assert_eq!(sent(&mut set), None);
}

#[test]
fn clearing_an_empty_set_is_sent() {
    let mut set = ORSet::<String>::default();
    set.clear();
    assert_eq!(sent(&mut set), orset(true, &[], &[]));
}

#[test]
fn a_new_register_sends_its_value() {
    let mut title = LWWRegister::new(String::new());
    title.roll_back();
    assert_eq!(sent(&mut title), Some(register("", CrdtClock::Default, 0)));
    assert_eq!(sent(&mut title), None);
}

#[test]
fn writing_what_is_there_is_sent_only_with_a_clock() {
    let mut title = LWWRegister::new(s("A"));
    title.settle();
    title.set(s("A"));
    assert_eq!(sent(&mut title), None);
    title.set_with(s("A"), Clock::Reverse);
    assert_eq!(sent(&mut title), Some(register("A", CrdtClock::Reverse, 0)));
    title.set_with(s("A"), Clock::Custom(123));
    assert_eq!(
        sent(&mut title),
        Some(register("A", CrdtClock::Custom, 123))
    );
    title.set_with(s("A"), Clock::CustomAutoIncrement(456));
    assert_eq!(
        sent(&mut title),
        Some(register("A", CrdtClock::CustomAutoIncrement, 456))
    );
    title.set(s("A"));
    assert_eq!(sent(&mut title), None);
}

#[test]
fn a_register_rolls_back_to_the_value_before_the_command() {
    let mut title = LWWRegister::new(s("A"));
    title.settle();
    title.set_with(s("B"), Clock::Reverse);
    title.set(s("C"));
    title.roll_back();
    assert_eq!(title.get(), "A");
    title.set(s("A"));
    assert_eq!(sent(&mut title), None);
}

#[test]
fn a_flag_is_sent_once_and_never_switched_off() {
    let on = Delta::Flag(FlagDelta { value: true });
    let off = Delta::Flag(FlagDelta { value: false });
    let mut flag = Flag::default();
    flag.enable();
    assert_eq!(sent(&mut flag), Some(on));
    flag.apply(off).unwrap();
    assert!(flag.is_enabled());
    flag.enable();
    assert_eq!(sent(&mut flag), None);
}

#[test]
fn a_vote_that_is_taken_back_is_not_sent() {
    let mut vote = Vote::default();
    vote.apply(Delta::Vote(VoteDelta {
        self_vote: false,
        votes_for: 3,
        total_voters: 5,
    }))
    .unwrap();
    vote.vote(true);
    assert_eq!((vote.votes_for(), vote.is_majority()), (4, true));
    vote.vote(false);
    assert_eq!(sent(&mut vote), None);
    vote.vote(true);
    let delta = VoteDelta {
        self_vote: true,
        ..VoteDelta::default()
    };
    assert_eq!(sent(&mut vote), Some(Delta::Vote(delta)));
}

#[test]
fn new_entries_are_sent_with_their_type_even_when_empty() {
    let mut map = ORMap::<String, AnyCrdt>::default();
    for (key, crdt_type) in [("n", CrdtType::PNCounter), ("s", CrdtType::ORSet)] {
        map.get_or_insert_with(s(key), || AnyCrdt::new(crdt_type));
    }
    let added = vec![
        entry("n", change(0)),
        entry("s", orset(false, &[], &[]).unwrap()),
    ];
    let delta = OrMapDelta {
        added,
        ..OrMapDelta::default()
    };
    assert_eq!(sent(&mut map), Some(Delta::Ormap(delta)));
    map.get_or_insert_with(s("n"), || AnyCrdt::new(CrdtType::PNCounter));
    assert_eq!(sent(&mut map), None);
}

#[test]
fn an_entry_that_was_replaced_is_removed_and_added() {
    let mut stock = ORMap::<String, PNCounter>::default();
    stock.get_or_default(s("a")).increment(5);
    stock.settle();
    stock.get_or_default(s("a")).increment(1);
    stock.remove(&s("a"));
    stock.get_or_default(s("a")).increment(2);
    let delta = OrMapDelta {
        removed: texts(&["a"]),
        added: vec![entry("a", change(2))],
        ..OrMapDelta::default()
    };
    assert_eq!(stock.delta(), Some(Delta::Ormap(delta)));
    stock.remove(&s("a"));
    let delta = OrMapDelta {
        removed: texts(&["a"]),
        ..OrMapDelta::default()
    };
    assert_eq!(stock.delta(), Some(Delta::Ormap(delta)));
    stock.roll_back();
    assert_eq!(stock.get(&s("a")).map(PNCounter::value), Some(5));
    assert_eq!(stock.delta(), None);
}

#[test]
fn clearing_a_map_drops_what_the_command_did_before() {
    let mut stock = PNCounterMap::<String>::default();
    stock.increment(s("a"), 1);
    stock.settle();
    stock.increment(s("a"), 1);
    stock.increment(s("b"), 1);
    stock.clear();
    stock.increment(s("c"), 3);
    let delta = OrMapDelta {
        cleared: true,
        added: vec![entry("c", change(3))],
        ..OrMapDelta::default()
    };
    assert_eq!(stock.delta(), Some(Delta::Ormap(delta)));
    stock.roll_back();
    assert_eq!(stock.iter().collect::<Vec<_>>(), [(&s("a"), 1)]);
    assert_eq!(stock.delta(), None);
}

#[test]
fn a_map_of_registers_writes_and_creates_by_a_clock() {
    let mut prices = LWWRegisterMap::default();
    prices.insert_with(s("a"), s("1"), Clock::Custom(7));
    let delta = OrMapDelta {
        added: vec![entry("a", register("1", CrdtClock::Custom, 7))],
        ..OrMapDelta::default()
    };
    assert_eq!(sent(&mut prices), Some(Delta::Ormap(delta)));
    prices.insert(s("a"), s("1"));
    assert_eq!(sent(&mut prices), None);
    prices.insert(s("a"), s("2"));
    let delta = OrMapDelta {
        updated: vec![entry("a", register("2", CrdtClock::Default, 0))],
        ..OrMapDelta::default()
    };
    assert_eq!(sent(&mut prices), Some(Delta::Ormap(delta)));
    assert_eq!(prices.get(&s("a")), Some(&s("2")));
}

#[test]
fn a_value_in_the_place_of_another_is_noticed() {
    let mut stock = ORMap::<String, PNCounter>::default();
    assert!(!stock.is_attached());
    stock.get_or_default(s("a")).increment(5);
    stock.settle();
    assert!(stock.is_attached());
    // A new entry is new in all its parts.
    *stock.get_or_default(s("b")) = PNCounter::default();
    assert!(stock.is_attached());
    *stock.get_or_default(s("a")) = PNCounter::default();
    assert!(!stock.is_attached());
    let mut other = ORMap::<String, PNCounter>::from_delta(stock.whole()).unwrap();
    assert!(other.is_attached());
    other.get_or_default(s("a")).increment(1);
    assert!(other.is_attached());
    other = ORMap::default();
    assert!(!other.is_attached());
}

#[test]
fn an_update_of_a_missing_key_is_ignored() {
    let mut stock = PNCounterMap::<String>::default();
    let delta = OrMapDelta {
        updated: vec![entry("a", change(3))],
        ..OrMapDelta::default()
    };
    stock.apply(Delta::Ormap(delta)).unwrap();
    assert!(stock.is_empty());
}

#[test]
fn what_does_not_fit_is_named() {
    let error = |result: Result<(), crate::crdt::CrdtError>| result.unwrap_err().to_string();
    let mut set = ORSet::<i64>::default();
    assert_eq!(
        error(set.apply(change(1))),
        "Received a delta of PNCounter for ORSet"
    );
    let elements = error(set.apply(orset(false, &[], &["a"]).unwrap()));
    let expected = format!(
        "ORSetDelta.added has a {}, where {} is expected",
        String::type_url(),
        i64::type_url()
    );
    assert_eq!(elements, expected);
    let garbled = Any {
        type_url: i64::type_url(),
        value: vec![0xff].into(),
    };
    let delta = GSetDelta {
        added: vec![garbled],
    };
    let garbled = error(GSet::<i64>::default().apply(Delta::Gset(delta)));
    assert!(garbled.starts_with("GSetDelta.added has a "), "{garbled}");
    assert!(garbled.contains("cannot be decoded"), "{garbled}");
    let votes = VoteDelta {
        votes_for: -1,
        ..VoteDelta::default()
    };
    assert_eq!(
        error(Vote::default().apply(Delta::Vote(votes))),
        "VoteDelta.votes_for is -1, which is below zero"
    );
    let empty = LwwRegisterDelta::default();
    assert_eq!(
        error(LWWRegister::<String>::default().apply(Delta::Lwwregister(empty))),
        "LWWRegisterDelta.value is not set"
    );
    let no_delta = OrMapEntryDelta {
        key: Some(text("a")),
        delta: Some(CrdtDelta::default()),
    };
    let delta = OrMapDelta {
        added: vec![no_delta],
        ..OrMapDelta::default()
    };
    assert_eq!(
        error(PNCounterMap::<String>::default().apply(Delta::Ormap(delta))),
        "CrdtDelta.delta is not set"
    );
    let mut flag = AnyCrdt::<String>::new(CrdtType::Flag);
    assert_eq!(
        error(flag.reload(change(1))),
        "Received a delta of PNCounter for Flag"
    );
}
