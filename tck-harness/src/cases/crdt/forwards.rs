//! Forwards and side effects.

use super::case;
use crate::{
    case::Case,
    crdt::{
        ask,
        delta::{self, added},
        effect, end, forward, forwarded, init, process, reply, state, synchronous_effect, update,
    },
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify forward to second service", "GCounter", |id| {
            let other = format!("X-{id}");
            let at_42 = || reply(state::gcounter(42));
            let changed = at_42().changed(delta::gcounter(42));
            [
                init(),
                process(1, [update::gcounter(42)], changed),
                process(2, [forward(&other)], forwarded(&other)),
                ask(3, at_42()),
                end(),
            ]
        }),
        case("verify forward with state changes", "PNCounter", |id| {
            let other = format!("X-{id}");
            let actions = [update::pncounter(-42).into(), forward(&other)];
            let expected = forwarded(&other).changed(delta::pncounter(-42));
            [init(), process(1, actions, expected), end()]
        }),
        case(
            "verify reply with side effect to second service",
            "GSet",
            |id| {
                let other = format!("X-{id}");
                let at_one = || reply(state::gset("one"));
                let changed = at_one().changed(delta::gset("one"));
                [
                    init(),
                    process(1, update::gset("one"), changed),
                    process(2, [effect(&other)], at_one().effects([&other])),
                    ask(3, at_one()),
                    end(),
                ]
            },
        ),
        case(
            "verify synchronous side effect to second service",
            "ORSet",
            |id| {
                let other = format!("X-{id}");
                let expected = reply(state::orset("")).synchronous_effects([&other]);
                [
                    init(),
                    process(1, [synchronous_effect(&other)], expected),
                    end(),
                ]
            },
        ),
        case(
            "verify forward and side effect to second service",
            "LWWRegister",
            |id| {
                let (a, b) = (format!("A-{id}"), format!("B-{id}"));
                let expected = forwarded(&a).changed(delta::lwwregister("")).effects([&b]);
                [
                    init(),
                    process(1, [effect(&b), forward(&a)], expected),
                    end(),
                ]
            },
        ),
        case("verify reply with multiple side effects", "Flag", |_| {
            let effects = ["1", "2", "3"];
            let expected = reply(state::flag(false)).effects(effects);
            [init(), process(1, effects.map(effect), expected), end()]
        }),
        case(
            "verify reply with multiple side effects and state changes",
            "ORMap",
            |_| {
                let effects = ["1", "2", "3"];
                let mut actions = vec![update::add("PNCounter-1").into()];
                let set = update::entries("GSet-1", update::gset("a b c"));
                actions.extend(set.into_iter().map(Into::into));
                actions.extend(effects.map(effect));
                let state = state::ormap([
                    ("GSet-1", state::gset("a b c")),
                    ("PNCounter-1", state::pncounter(0)),
                ]);
                let delta = delta::ormap([
                    added("GSet-1", delta::gset("a b c")),
                    added("PNCounter-1", delta::pncounter(0)),
                ]);
                let expected = reply(state).changed(delta).in_any_order().effects(effects);
                [init(), process(1, actions, expected), end()]
            },
        ),
    ]
}
