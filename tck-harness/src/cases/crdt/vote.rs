//! The votes of the nodes.

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, delete, deleted,
        delta::{vote as by, votes},
        end, init, init_with, process, replicated, reply, state,
        update::vote,
    },
};

fn at(self_vote: bool, votes_for: i32, total_voters: i32) -> Expected {
    reply(state::vote(self_vote, votes_for, total_voters))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("verify Vote initial empty state", "Vote", |_| {
            [init(), ask(1, at(false, 0, 1)), end()]
        }),
        case("verify Vote state changes", "Vote", |_| {
            [
                init(),
                process(1, [vote(true)], at(true, 1, 1).changed(by(true))),
                process(2, [vote(true)], at(true, 1, 1)),
                process(3, [vote(false)], at(false, 0, 1).changed(by(false))),
                process(4, [vote(false)], at(false, 0, 1)),
                end(),
            ]
        }),
        case("verify Vote initial delta in init", "Vote", |_| {
            [
                init_with(votes(true, 2, 3)),
                ask(1, at(true, 2, 3)),
                process(2, [vote(false)], at(false, 1, 3).changed(by(false))),
                end(),
            ]
        }),
        case(
            "verify Vote initial empty state with replicated initial delta",
            "Vote",
            |_| {
                [
                    init(),
                    replicated(votes(false, 3, 5)),
                    ask(1, at(false, 3, 5)),
                    process(2, [vote(true)], at(true, 4, 5).changed(by(true))),
                    end(),
                ]
            },
        ),
        case(
            "verify Vote mix of local and replicated state changes",
            "Vote",
            |_| {
                [
                    init(),
                    replicated(votes(false, 2, 4)),
                    ask(1, at(false, 2, 4)),
                    process(2, [vote(true)], at(true, 3, 4).changed(by(true))),
                    replicated(votes(true, 5, 7)),
                    replicated(votes(true, 4, 6)),
                    process(3, [vote(false)], at(false, 3, 6).changed(by(false))),
                    end(),
                ]
            },
        ),
        case("verify Vote rehydration after passivation", "Vote", |_| {
            [
                init(),
                ask(1, at(false, 0, 1)),
                replicated(votes(false, 2, 5)),
                process(2, [vote(true)], at(true, 3, 5).changed(by(true))),
                end(),
                init_with(votes(true, 3, 5)),
                ask(1, at(true, 3, 5)),
                process(2, [vote(false)], at(false, 2, 5).changed(by(false))),
                end(),
            ]
        }),
        case(
            "verify Vote delete action received from entity",
            "Vote",
            |_| {
                [
                    init(),
                    process(1, [vote(true)], at(true, 1, 1).changed(by(true))),
                    process(2, [delete()], at(true, 1, 1).deleted()),
                    end(),
                ]
            },
        ),
        case("verify Vote delete action sent to entity", "Vote", |_| {
            [init(), deleted(), end()]
        }),
    ]
}
