//! Commands that fail.

use super::case;
use crate::{
    case::Case,
    crdt::{ask, delta, end, fail, failed, init, process, reply, state, update},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify failure action", "GCounter", |_| {
            let expected = failed("expected failure");
            [
                init(),
                process(1, [fail("expected failure")], expected),
                end(),
            ]
        }),
        case(
            "verify connection after failure action",
            "PNCounter",
            |_| {
                let at_42 = || reply(state::pncounter(42));
                let changed = at_42().changed(delta::pncounter(42));
                let expected = failed("expected failure");
                [
                    init(),
                    process(1, [update::pncounter(42)], changed),
                    process(2, [fail("expected failure")], expected),
                    ask(3, at_42()),
                    end(),
                ]
            },
        ),
    ]
}
