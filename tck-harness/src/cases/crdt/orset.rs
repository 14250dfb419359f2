//! A set with removal.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted, delta::orset as by, end, init, init_with, process,
        replicated, reply, state, update::orset as change,
    },
};

fn at(elements: &str) -> Expected {
    reply(state::orset(elements))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify ORSet initial empty state", "ORSet", |_| {
            [init(), ask(1, at("")), end()]
        }),
        case("verify ORSet state changes", "ORSet", |_| {
            let first = at("a b").changed(by("+a +b")).in_any_order();
            [
                init(),
                process(1, change("+a +b"), first),
                process(2, change("+b +c"), at("a b c").changed(by("+c"))),
                process(3, change("+c +a"), at("a b c")),
                process(4, change("-b -d"), at("a c").changed(by("-b"))),
                process(5, change("-c -d +b +c"), at("a b c").changed(by("+b"))),
                process(6, change("clear"), at("").changed(by("clear"))),
                process(7, change("+a clear +x"), at("x").changed(by("clear +x"))),
                end(),
            ]
        }),
        case("verify ORSet initial delta in init", "ORSet", |_| {
            [
                init_with(by("+a +b +c")),
                process(1, change("-c +d"), at("a b d").changed(by("-c +d"))),
                end(),
            ]
        }),
        case(
            "verify ORSet initial empty state with replicated initial delta",
            "ORSet",
            |_| {
                [
                    init(),
                    replicated(by("+x +y")),
                    process(1, change("-x +z"), at("y z").changed(by("-x +z"))),
                    end(),
                ]
            },
        ),
        case(
            "verify ORSet mix of local and replicated state changes",
            "ORSet",
            |_| {
                let third = at("a c d e").changed(by("+d +e")).in_any_order();
                let last = at("abc").changed(by("clear +abc"));
                [
                    init(),
                    process(1, change("+a"), at("a").changed(by("+a"))),
                    replicated(by("+a +b")),
                    replicated(by("+c +d")),
                    replicated(by("-b -d")),
                    ask(2, at("a c")),
                    process(3, change("+c +d +e"), third),
                    replicated(by("-a -c +f")),
                    process(4, change("+g -a -d"), at("e f g").changed(by("-d +g"))),
                    replicated(by("clear +x +y +z")),
                    process(5, change("+q +x -z"), at("q x y").changed(by("-z +q"))),
                    replicated(by("-x -y +r +p")),
                    process(6, change("+s"), at("p q r s").changed(by("+s"))),
                    replicated(by("+a +b +c")),
                    process(7, change("clear +abc"), last),
                    end(),
                ]
            },
        ),
        case(
            "verify ORSet rehydration after passivation",
            "ORSet",
            |_| {
                [
                    init(),
                    process(1, change("+a"), at("a").changed(by("+a"))),
                    replicated(by("-a +b")),
                    ask(2, at("b")),
                    process(3, change("+c"), at("b c").changed(by("+c"))),
                    end(),
                    init_with(by("+b +c")),
                    ask(1, at("b c")),
                    replicated(by("clear +p +q")),
                    process(2, change("+x +y -x"), at("p q y").changed(by("+y"))),
                    end(),
                ]
            },
        ),
        case(
            "verify ORSet delete action received from entity",
            "ORSet",
            |_| {
                [
                    init(),
                    process(1, change("+x"), at("x").changed(by("+x"))),
                    process(2, [delete()], at("x").deleted()),
                    end(),
                ]
            },
        ),
        case("verify ORSet delete action sent to entity", "ORSet", |_| {
            [init(), deleted(), end()]
        }),
    ]
}
