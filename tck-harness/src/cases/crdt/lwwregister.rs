//! A register that keeps the last write.

use cloudstate_protocol::cloudstate::crdt::CrdtClock;

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted,
        delta::{lwwregister as to, lwwregister_at as to_at},
        end, init, init_with, process, replicated, reply, state,
        update::{lwwregister as set, lwwregister_at as set_at},
    },
    pb::crdt::LwwRegisterClockType as Clock,
};

fn at(value: &str) -> Expected {
    reply(state::lwwregister(value))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "verify LWWRegister initial empty state",
            "LWWRegister",
            |_| [init(), ask(1, at("").changed(to(""))), end()],
        ),
        case("verify LWWRegister state changes", "LWWRegister", |_| {
            [
                init(),
                process(1, [set("one")], at("one").changed(to("one"))),
                process(2, [set("two")], at("two").changed(to("two"))),
                end(),
            ]
        }),
        case(
            "verify LWWRegister initial delta in init",
            "LWWRegister",
            |_| [init_with(to("one")), ask(1, at("one")), end()],
        ),
        case(
            "verify LWWRegister initial empty state with replicated initial delta",
            "LWWRegister",
            |_| [init(), replicated(to("one")), ask(1, at("one")), end()],
        ),
        case(
            "verify LWWRegister mix of local and replicated state changes",
            "LWWRegister",
            |_| {
                [
                    init(),
                    process(1, [set("A")], at("A").changed(to("A"))),
                    replicated(to("B")),
                    replicated(to("C")),
                    ask(2, at("C")),
                    process(3, [set("D")], at("D").changed(to("D"))),
                    replicated(to("D")),
                    process(4, [set("E")], at("E").changed(to("E"))),
                    end(),
                ]
            },
        ),
        case(
            "verify LWWRegister state changes with clock settings",
            "LWWRegister",
            |_| {
                let reverse = to_at("A", CrdtClock::Reverse, 0);
                let custom = to_at("A", CrdtClock::Custom, 123);
                let auto = to_at("A", CrdtClock::CustomAutoIncrement, 456);
                let set_auto = set_at("A", Clock::CustomAutoIncrement, 456);
                [
                    init(),
                    process(
                        1,
                        [set_at("A", Clock::Reverse, 0)],
                        at("A").changed(reverse),
                    ),
                    process(
                        2,
                        [set_at("A", Clock::Custom, 123)],
                        at("A").changed(custom),
                    ),
                    // The TCK uses this id twice.
                    process(2, [set_auto], at("A").changed(auto)),
                    end(),
                ]
            },
        ),
        case(
            "verify LWWRegister rehydration after passivation",
            "LWWRegister",
            |_| {
                [
                    init(),
                    process(1, [set("A")], at("A").changed(to("A"))),
                    replicated(to("B")),
                    ask(2, at("B")),
                    process(3, [set("C")], at("C").changed(to("C"))),
                    end(),
                    init_with(to("C")),
                    ask(1, at("C")),
                    replicated(to("D")),
                    process(2, [set("E")], at("E").changed(to("E"))),
                    end(),
                ]
            },
        ),
        case(
            "verify LWWRegister delete action received from entity",
            "LWWRegister",
            |_| {
                [
                    init(),
                    process(1, [set("one")], at("one").changed(to("one"))),
                    process(2, [delete()], at("one").deleted()),
                    end(),
                ]
            },
        ),
        case(
            "verify LWWRegister delete action sent to entity",
            "LWWRegister",
            |_| [init(), deleted(), end()],
        ),
    ]
}
