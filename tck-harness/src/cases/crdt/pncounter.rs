//! A counter that grows and shrinks.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted, delta::pncounter as by, end, init, init_with, process,
        replicated, reply, state, update::pncounter as plus,
    },
};

fn at(value: i64) -> Expected {
    reply(state::pncounter(value))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify PNCounter initial empty state", "PNCounter", |_| {
            [init(), ask(1, at(0)), end()]
        }),
        case("verify PNCounter state changes", "PNCounter", |_| {
            [
                init(),
                process(1, [plus(1), plus(-2), plus(3)], at(2).changed(by(2))),
                process(2, [plus(-4), plus(5), plus(-6)], at(-3).changed(by(-5))),
                end(),
            ]
        }),
        case(
            "verify PNCounter initial delta in init",
            "PNCounter",
            |_| {
                [
                    init_with(by(42)),
                    process(1, [plus(-123)], at(-81).changed(by(-123))),
                    end(),
                ]
            },
        ),
        case(
            "verify PNCounter initial empty state with replicated initial delta",
            "PNCounter",
            |_| {
                [
                    init(),
                    replicated(by(-42)),
                    process(1, [plus(123)], at(81).changed(by(123))),
                    end(),
                ]
            },
        ),
        case(
            "verify PNCounter mix of local and replicated state changes",
            "PNCounter",
            |_| {
                [
                    init(),
                    process(1, [plus(1)], at(1).changed(by(1))),
                    replicated(by(-2)),
                    replicated(by(3)),
                    ask(2, at(2)),
                    process(3, [plus(-4)], at(-2).changed(by(-4))),
                    replicated(by(5)),
                    process(4, [plus(-6)], at(-3).changed(by(-6))),
                    end(),
                ]
            },
        ),
        case(
            "verify PNCounter rehydration after passivation",
            "PNCounter",
            |_| {
                [
                    init(),
                    process(1, [plus(1)], at(1).changed(by(1))),
                    replicated(by(-2)),
                    ask(2, at(-1)),
                    process(3, [plus(3)], at(2).changed(by(3))),
                    end(),
                    init_with(by(2)),
                    ask(1, at(2)),
                    replicated(by(-4)),
                    process(2, [plus(5)], at(3).changed(by(5))),
                    end(),
                ]
            },
        ),
        case(
            "verify PNCounter delete action received from entity",
            "PNCounter",
            |_| {
                [
                    init(),
                    process(1, [plus(42)], at(42).changed(by(42))),
                    process(2, [delete()], at(42).deleted()),
                    end(),
                ]
            },
        ),
        case(
            "verify PNCounter delete action sent to entity",
            "PNCounter",
            |_| [init(), deleted(), end()],
        ),
    ]
}
