//! A set that only grows.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted, delta::gset as by, end, init, init_with, process,
        replicated, reply, state, update::gset as add,
    },
};

fn at(elements: &str) -> Expected {
    reply(state::gset(elements))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify GSet initial empty state", "GSet", |_| {
            [init(), ask(1, at("")), end()]
        }),
        case("verify GSet state changes", "GSet", |_| {
            [
                init(),
                process(1, add("a b"), at("a b").changed(by("a b")).in_any_order()),
                process(2, add("b c"), at("a b c").changed(by("c"))),
                process(3, add("c a"), at("a b c")),
                end(),
            ]
        }),
        case("verify GSet initial delta in init", "GSet", |_| {
            let expected = at("a b c d e").changed(by("d e")).in_any_order();
            [
                init_with(by("a b c")),
                process(1, add("c d e"), expected),
                end(),
            ]
        }),
        case(
            "verify GSet initial empty state with replicated initial delta",
            "GSet",
            |_| {
                [
                    init(),
                    replicated(by("x y")),
                    process(1, add("z"), at("x y z").changed(by("z"))),
                    end(),
                ]
            },
        ),
        case(
            "verify GSet mix of local and replicated state changes",
            "GSet",
            |_| {
                let third = at("a b c d e").changed(by("d e")).in_any_order();
                [
                    init(),
                    process(1, add("a"), at("a").changed(by("a"))),
                    replicated(by("a")),
                    replicated(by("b")),
                    replicated(by("c")),
                    ask(2, at("a b c")),
                    process(3, add("c d e"), third),
                    replicated(by("f")),
                    process(4, add("g d b"), at("a b c d e f g").changed(by("g"))),
                    end(),
                ]
            },
        ),
        case("verify GSet rehydration after passivation", "GSet", |_| {
            [
                init(),
                process(1, add("a"), at("a").changed(by("a"))),
                replicated(by("b")),
                ask(2, at("a b")),
                process(3, add("c"), at("a b c").changed(by("c"))),
                end(),
                init_with(by("a b c")),
                ask(1, at("a b c")),
                replicated(by("d")),
                process(2, add("e"), at("a b c d e").changed(by("e"))),
                end(),
            ]
        }),
        case(
            "verify GSet delete action received from entity",
            "GSet",
            |_| {
                [
                    init(),
                    process(1, add("x"), at("x").changed(by("x"))),
                    process(2, [delete()], at("x").deleted()),
                    end(),
                ]
            },
        ),
        case("verify GSet delete action sent to entity", "GSet", |_| {
            [init(), deleted(), end()]
        }),
    ]
}
