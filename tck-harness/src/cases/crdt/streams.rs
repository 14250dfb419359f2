//! Streamed responses, and write consistency.

use cloudstate_protocol::cloudstate::crdt::CrdtWriteConsistency;

use super::case;
use crate::{
    case::Case,
    crdt::{
        Expected, ask, cancel, delta, end, init, nothing, process, process_streamed, reply, state,
        streams, update,
    },
    pb::crdt::{Effect, StreamedRequest, UpdateWriteConsistency as WriteConsistency},
};

fn gcounter(value: u64) -> Expected {
    reply(state::gcounter(value))
}

fn pncounter(value: i64) -> Expected {
    reply(state::pncounter(value))
}

fn gset(elements: &str) -> Expected {
    reply(state::gset(elements))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = streamed();
    cases.push(case(
        "verify write consistency can be configured",
        "GCounter",
        |_| {
            use CrdtWriteConsistency::{All, Local, Majority};
            let plus = update::gcounter_on;
            let by = delta::gcounter;
            let first = gcounter(1).changed_on(Local, by(1));
            let second = gcounter(3).changed_on(Majority, by(2));
            let third = gcounter(6).changed_on(All, by(3));
            [
                init(),
                process(1, [plus(WriteConsistency::Local, 1)], first),
                process(2, [plus(WriteConsistency::Majority, 2)], second),
                process(3, [plus(WriteConsistency::All, 3)], third),
                end(),
            ]
        },
    ));
    cases
}

fn streamed() -> Vec<Case> {
    vec![
        case("verify streamed responses", "GCounter", |_| {
            let (at, by, plus) = (gcounter, delta::gcounter, update::gcounter);
            [
                init(),
                process_streamed(1, StreamedRequest::default(), at(0)),
                process(2, [plus(1)], at(1).changed(by(1))),
                streams(1, at(1)),
                process(3, [plus(2)], at(3).changed(by(2))),
                streams(1, at(3)),
                process(4, [plus(3)], at(6).changed(by(3))),
                streams(1, at(6)),
                end(),
            ]
        }),
        case(
            "verify streamed responses with stream ending action",
            "GCounter",
            |_| {
                let (at, by, plus) = (gcounter, delta::gcounter, update::gcounter);
                let until_3 = StreamedRequest {
                    end_state: Some(state::gcounter(3)),
                    ..StreamedRequest::default()
                };
                [
                    init(),
                    process_streamed(1, until_3, at(0)),
                    process(2, [plus(1)], at(1).changed(by(1))),
                    streams(1, at(1)),
                    process(3, [plus(2)], at(3).changed(by(2))),
                    streams(1, at(3).ending()),
                    process(4, [plus(3)], at(6).changed(by(3))),
                    end(),
                ]
            },
        ),
        case(
            "verify streamed responses with cancellation",
            "PNCounter",
            |_| {
                let (at, by, plus) = (pncounter, delta::pncounter, update::pncounter);
                let undoing = StreamedRequest {
                    cancel_update: Some(plus(-42)),
                    ..StreamedRequest::default()
                };
                [
                    init(),
                    process_streamed(1, undoing, at(0)),
                    process(2, [plus(10)], at(10).changed(by(10))),
                    streams(1, at(10)),
                    process(3, [plus(20)], at(30).changed(by(20))),
                    streams(1, at(30)),
                    cancel(1, nothing().changed(by(-42))),
                    ask(4, at(-12)),
                    process(5, [plus(30)], at(18).changed(by(30))),
                    end(),
                ]
            },
        ),
        case(
            "verify empty streamed responses with cancellation",
            "PNCounter",
            |_| {
                let (at, by, plus) = (pncounter, delta::pncounter, update::pncounter);
                let silent = StreamedRequest {
                    cancel_update: Some(plus(-42)),
                    empty: true,
                    ..StreamedRequest::default()
                };
                [
                    init(),
                    process(1, [plus(10)], at(10).changed(by(10))),
                    process_streamed(2, silent, nothing()),
                    cancel(2, nothing().changed(by(-42))),
                    ask(3, at(-32)),
                    end(),
                ]
            },
        ),
        case(
            "verify streamed responses with side effects",
            "GSet",
            |_| {
                let (at, by, add) = (gset, delta::gset, update::gset);
                let effect = |id: &str, synchronous| Effect {
                    id: id.into(),
                    synchronous,
                };
                let request = StreamedRequest {
                    effects: vec![effect("one", false), effect("two", true)],
                    ..StreamedRequest::default()
                };
                let with_effects =
                    |expected: Expected| expected.effects(["one"]).synchronous_effects(["two"]);
                [
                    init(),
                    process_streamed(1, request, at("")),
                    process(2, add("a"), at("a").changed(by("a"))),
                    streams(1, with_effects(at("a"))),
                    process(3, add("b"), at("a b").changed(by("b"))),
                    streams(1, with_effects(at("a b"))),
                    end(),
                ]
            },
        ),
    ]
}
