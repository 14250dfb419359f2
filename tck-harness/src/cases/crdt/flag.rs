//! A flag that is only ever enabled.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted, delta::flag as by, end, init, init_with, process,
        replicated, reply, state, update::flag as enable,
    },
};

fn at(value: bool) -> Expected {
    reply(state::flag(value))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify Flag initial empty state", "Flag", |_| {
            [init(), ask(1, at(false)), end()]
        }),
        case("verify Flag state changes", "Flag", |_| {
            [
                init(),
                process(1, [enable()], at(true).changed(by(true))),
                end(),
            ]
        }),
        case("verify Flag initial delta in init", "Flag", |_| {
            [
                init_with(by(false)),
                ask(1, at(false)),
                end(),
                init_with(by(true)),
                ask(1, at(true)),
                end(),
            ]
        }),
        case(
            "verify Flag initial empty state with replicated initial delta",
            "Flag",
            |_| {
                [
                    init(),
                    replicated(by(false)),
                    ask(1, at(false)),
                    end(),
                    init(),
                    replicated(by(true)),
                    ask(1, at(true)),
                    end(),
                ]
            },
        ),
        case(
            "verify Flag mix of local and replicated state changes",
            "Flag",
            |_| {
                [
                    init(),
                    replicated(by(false)),
                    ask(1, at(false)),
                    process(2, [enable()], at(true).changed(by(true))),
                    replicated(by(true)),
                    replicated(by(false)),
                    ask(3, at(true)),
                    end(),
                    init(),
                    replicated(by(true)),
                    ask(1, at(true)),
                    process(2, [enable()], at(true)),
                    replicated(by(true)),
                    replicated(by(false)),
                    ask(3, at(true)),
                    end(),
                ]
            },
        ),
        case("verify Flag rehydration after passivation", "Flag", |_| {
            [
                init(),
                ask(1, at(false)),
                process(2, [enable()], at(true).changed(by(true))),
                end(),
                init_with(by(true)),
                ask(1, at(true)),
                end(),
            ]
        }),
        case(
            "verify Flag delete action received from entity",
            "Flag",
            |_| {
                [
                    init(),
                    process(1, [enable()], at(true).changed(by(true))),
                    process(2, [delete()], at(true).deleted()),
                    end(),
                ]
            },
        ),
        case("verify Flag delete action sent to entity", "Flag", |_| {
            [init(), deleted(), end()]
        }),
    ]
}
