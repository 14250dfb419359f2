//! A map of CRDTs, whose types are the first words of the keys.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, Step, ask, delete, deleted,
        delta::{self, added, cleared, ormap as by, removed, updated},
        end, init, init_with, process, replicated, reply, state,
        update::{self, add, clear, entries, entry, remove},
    },
    pb::crdt::{State, Update},
};

const COUNTER: &str = "PNCounter-1";
const FLAG: &str = "Flag-1";
const GCOUNTER: &str = "GCounter-1";
const GSET: &str = "GSet-1";
const MAP: &str = "ORMap-1";
const REGISTER: &str = "LWWRegister-1";
const SET: &str = "ORSet-1";

fn at<const N: usize>(entries: [(&str, State); N]) -> Expected {
    reply(state::ormap(entries))
}

fn counter(value: i64) -> (&'static str, State) {
    (COUNTER, state::pncounter(value))
}

fn gcounter(value: u64) -> (&'static str, State) {
    (GCOUNTER, state::gcounter(value))
}

fn flag(value: bool) -> (&'static str, State) {
    (FLAG, state::flag(value))
}

fn register(value: &str) -> (&'static str, State) {
    (REGISTER, state::lwwregister(value))
}

fn set(elements: &str) -> (&'static str, State) {
    (SET, state::orset(elements))
}

fn gset(elements: &str) -> (&'static str, State) {
    (GSET, state::gset(elements))
}

fn count(change: i64) -> Update {
    entry(COUNTER, update::pncounter(change))
}

fn write(value: &str) -> Update {
    entry(REGISTER, update::lwwregister(value))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify ORMap initial empty state", "ORMap", |_| {
            [init(), ask(1, at([])), end()]
        }),
        case("verify ORMap state changes", "ORMap", |_| state_changes()),
        case("verify ORMap initial delta in init", "ORMap", |_| {
            let initial = [
                added(COUNTER, delta::pncounter(123)),
                added(REGISTER, delta::lwwregister("one")),
                added(GSET, delta::gset("a b c")),
            ];
            let change = by([removed(REGISTER), updated(COUNTER, delta::pncounter(-42))]);
            [
                init_with(by(initial)),
                ask(1, at([gset("a b c"), register("one"), counter(123)])),
                process(
                    2,
                    [remove(REGISTER), count(-42)],
                    at([gset("a b c"), counter(81)])
                        .changed(change)
                        .in_any_order(),
                ),
                end(),
            ]
        }),
        case(
            "verify ORMap initial empty state with replicated initial delta",
            "ORMap",
            |_| {
                let initial = [
                    added(GCOUNTER, delta::gcounter(42)),
                    added(SET, delta::orset("+a +b +c")),
                    added(FLAG, delta::flag(false)),
                ];
                let expected = at([flag(false), gcounter(42), set("a b c")]);
                [init(), replicated(by(initial)), ask(1, expected), end()]
            },
        ),
        case(
            "verify ORMap mix of local and replicated state changes",
            "ORMap",
            |_| local_and_replicated_changes(),
        ),
        case(
            "verify ORMap rehydration after passivation",
            "ORMap",
            |_| {
                let changed = |value, change| {
                    at([counter(value)]).changed(by([updated(COUNTER, delta::pncounter(change))]))
                };
                [
                    init(),
                    replicated(by([added(COUNTER, delta::pncounter(123))])),
                    process(1, [count(321)], changed(444, 321)),
                    end(),
                    init_with(by([added(COUNTER, delta::pncounter(444))])),
                    ask(1, at([counter(444)])),
                    replicated(by([updated(COUNTER, delta::pncounter(-42))])),
                    process(2, [count(-360)], changed(42, -360)),
                    end(),
                ]
            },
        ),
        case(
            "verify ORMap delete action received from entity",
            "ORMap",
            |_| {
                let enable = entry(FLAG, update::flag());
                let disabled = by([added(FLAG, delta::flag(false))]);
                [
                    init(),
                    process(1, [add(FLAG)], at([flag(false)]).changed(disabled)),
                    process(2, [enable.into(), delete()], at([flag(true)]).deleted()),
                    end(),
                ]
            },
        ),
        case("verify ORMap delete action sent to entity", "ORMap", |_| {
            [init(), deleted(), end()]
        }),
    ]
}

fn state_changes() -> [Step; 11] {
    [
        init(),
        process(
            1,
            [add(COUNTER), add(SET)],
            at([set(""), counter(0)])
                .changed(by([
                    added(SET, delta::orset("")),
                    added(COUNTER, delta::pncounter(0)),
                ]))
                .in_any_order(),
        ),
        process(
            2,
            [add(SET), write("zero")],
            at([register("zero"), set(""), counter(0)])
                .changed(by([added(REGISTER, delta::lwwregister("zero"))]))
                .in_any_order(),
        ),
        process(
            3,
            [count(42), write("one")],
            at([register("one"), set(""), counter(42)])
                .changed(by([
                    updated(REGISTER, delta::lwwregister("one")),
                    updated(COUNTER, delta::pncounter(42)),
                ]))
                .in_any_order(),
        ),
        process(
            4,
            entries(SET, update::orset("+a +b +c")),
            at([register("one"), set("a b c"), counter(42)])
                .changed(by([updated(SET, delta::orset("+a +b +c"))]))
                .in_any_order(),
        ),
        process(
            5,
            [
                entries(SET, update::orset("-b +d")),
                vec![count(-123), write("two")],
            ]
            .concat(),
            at([register("two"), set("a c d"), counter(-81)])
                .changed(by([
                    updated(REGISTER, delta::lwwregister("two")),
                    updated(SET, delta::orset("-b +d")),
                    updated(COUNTER, delta::pncounter(-123)),
                ]))
                .in_any_order(),
        ),
        process(
            6,
            [remove(SET)],
            at([register("two"), counter(-81)])
                .changed(by([removed(SET)]))
                .in_any_order(),
        ),
        process(
            7,
            [remove(REGISTER), entry(FLAG, update::flag())],
            at([flag(true), counter(-81)])
                .changed(by([removed(REGISTER), added(FLAG, delta::flag(true))]))
                .in_any_order(),
        ),
        process(8, [clear()], at([]).changed(by([cleared()]))),
        process(
            9,
            [
                add("PNCounter-2"),
                clear(),
                entry(GCOUNTER, update::gcounter(123)),
            ],
            at([gcounter(123)])
                .changed(by([cleared(), added(GCOUNTER, delta::gcounter(123))]))
                .in_any_order(),
        ),
        end(),
    ]
}

fn local_and_replicated_changes() -> [Step; 15] {
    let second_set = |elements| ("ORSet-2", state::orset(elements));
    let second_register = ("LWWRegister-2", state::lwwregister("two"));
    let map = (
        MAP,
        state::ormap([register("ABC"), (COUNTER, state::pncounter(-333))]),
    );
    [
        init(),
        process(
            1,
            [add(COUNTER)],
            at([counter(0)])
                .changed(by([added(COUNTER, delta::pncounter(0))]))
                .in_any_order(),
        ),
        replicated(by([added(SET, delta::orset("+x"))])),
        replicated(by([
            added(REGISTER, delta::lwwregister("one")),
            updated(SET, delta::orset("+y +z")),
        ])),
        process(
            2,
            [
                add("ORSet-2"),
                entry("LWWRegister-2", update::lwwregister("two")),
            ],
            at([
                register("one"),
                second_register.clone(),
                set("x y z"),
                second_set(""),
                counter(0),
            ])
            .changed(by([
                added("LWWRegister-2", delta::lwwregister("two")),
                added("ORSet-2", delta::orset("")),
            ]))
            .in_any_order(),
        ),
        process(
            3,
            [count(42), write("ONE")],
            at([
                register("ONE"),
                second_register,
                set("x y z"),
                second_set(""),
                counter(42),
            ])
            .changed(by([
                updated(REGISTER, delta::lwwregister("ONE")),
                updated(COUNTER, delta::pncounter(42)),
            ]))
            .in_any_order(),
        ),
        replicated(by([
            removed("LWWRegister-2"),
            added(MAP, by([added(COUNTER, delta::pncounter(123))])),
        ])),
        replicated(by([
            removed(SET),
            updated("ORSet-2", delta::orset("+a +b +c")),
            updated(MAP, by([added(REGISTER, delta::lwwregister("ABC"))])),
        ])),
        process(
            4,
            [entry(MAP, count(-456))],
            at([register("ONE"), map, second_set("a b c"), counter(42)])
                .changed(by([updated(
                    MAP,
                    by([updated(COUNTER, delta::pncounter(-456))]),
                )]))
                .in_any_order(),
        ),
        replicated(by([cleared(), added(GSET, delta::gset("1 2 3"))])),
        process(
            5,
            [
                vec![remove(COUNTER), remove(REGISTER)],
                entries(GSET, update::gset("2 4 6")),
            ]
            .concat(),
            at([gset("1 2 3 4 6")])
                .changed(by([updated(GSET, delta::gset("4 6"))]))
                .in_any_order(),
        ),
        process(
            6,
            [clear(), add(GCOUNTER)],
            at([gcounter(0)]).changed(by([cleared(), added(GCOUNTER, delta::gcounter(0))])),
        ),
        replicated(by([removed(GSET), added(GCOUNTER, delta::gcounter(42))])),
        process(
            7,
            [entry(GCOUNTER, update::gcounter(7))],
            at([gcounter(49)]).changed(by([updated(GCOUNTER, delta::gcounter(7))])),
        ),
        end(),
    ]
}
