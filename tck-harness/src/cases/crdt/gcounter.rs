//! A counter that only grows.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted, delta::gcounter as by, end, init, init_with, process,
        replicated, reply, state, update::gcounter as plus,
    },
};

fn at(value: u64) -> Expected {
    reply(state::gcounter(value))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify GCounter initial empty state", "GCounter", |_| {
            [init(), ask(1, at(0)), end()]
        }),
        case("verify GCounter state changes", "GCounter", |_| {
            [
                init(),
                process(1, [plus(42)], at(42).changed(by(42))),
                process(2, [plus(1), plus(2), plus(3)], at(48).changed(by(6))),
                end(),
            ]
        }),
        case("verify GCounter initial delta in init", "GCounter", |_| {
            [
                init_with(by(42)),
                process(1, [plus(123)], at(165).changed(by(123))),
                end(),
            ]
        }),
        case(
            "verify GCounter initial empty state with replicated initial delta",
            "GCounter",
            |_| {
                [
                    init(),
                    replicated(by(42)),
                    process(1, [plus(123)], at(165).changed(by(123))),
                    end(),
                ]
            },
        ),
        case(
            "verify GCounter mix of local and replicated state changes",
            "GCounter",
            |_| {
                [
                    init(),
                    process(1, [plus(1)], at(1).changed(by(1))),
                    replicated(by(2)),
                    replicated(by(3)),
                    ask(2, at(6)),
                    process(3, [plus(4)], at(10).changed(by(4))),
                    replicated(by(5)),
                    process(4, [plus(6)], at(21).changed(by(6))),
                    end(),
                ]
            },
        ),
        case(
            "verify GCounter rehydration after passivation",
            "GCounter",
            |_| {
                [
                    init(),
                    process(1, [plus(1)], at(1).changed(by(1))),
                    replicated(by(2)),
                    ask(2, at(3)),
                    process(3, [plus(3)], at(6).changed(by(3))),
                    end(),
                    init_with(by(6)),
                    ask(1, at(6)),
                    replicated(by(4)),
                    process(2, [plus(5)], at(15).changed(by(5))),
                    end(),
                ]
            },
        ),
        case(
            "verify GCounter delete action received from entity",
            "GCounter",
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
            "verify GCounter delete action sent to entity",
            "GCounter",
            |_| [init(), deleted(), end()],
        ),
    ]
}
