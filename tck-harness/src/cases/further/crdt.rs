//! Further cases of the CRDT model.

use cloudstate::Service as _;

use crate::{
    case::{Case, Fixture},
    crdt::{
        Expected, Step, answers, ask, asks, cancel, delete,
        delta::{self, added, updated},
        end, fail, failed, init, init_with, nothing, play, process, process_streamed, replicated,
        reply, state, streams, update,
    },
    failure::Verdict,
    pb::crdt::{CrdtTckModel, CrdtTwo, RequestAction, StreamedRequest},
};

fn case<const N: usize>(
    name: &'static str,
    kind: &'static str,
    steps: impl Fn() -> [Step; N] + 'static,
) -> Case {
    let body =
        async move |tck: &mut Fixture| -> Verdict { play(tck, kind, |_| steps().into()).await };
    let needs = &[CrdtTckModel::NAME, CrdtTwo::NAME];
    Case::new("extended: CRDT entity", name, needs, body)
}

/// These updates, and then a failure.
fn in_vain<U: Into<RequestAction>>(updates: impl IntoIterator<Item = U>) -> Vec<RequestAction> {
    let updates = updates.into_iter().map(Into::into);
    updates.chain([fail("no")]).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = failures();
    cases.extend(streamed());
    cases.push(case("commands do not wait for replies", "GCounter", || {
        [
            init(),
            asks(1, [update::gcounter(1)]),
            asks(2, [update::gcounter(2)]),
            asks(3, [update::gcounter(3)]),
            answers(1, at(1).changed(delta::gcounter(1))),
            answers(2, at(3).changed(delta::gcounter(2))),
            answers(3, at(6).changed(delta::gcounter(3))),
            end(),
        ]
    }));
    cases
}

fn at(value: u64) -> Expected {
    reply(state::gcounter(value))
}

fn failures() -> Vec<Case> {
    vec![
        case(
            "a failure takes back what was added to a counter",
            "GCounter",
            || {
                let (at, by, plus) = (
                    |value| reply(state::gcounter(value)),
                    delta::gcounter,
                    update::gcounter,
                );
                [
                    init(),
                    process(1, [plus(1)], at(1).changed(by(1))),
                    process(2, in_vain([plus(5)]), failed("no")),
                    ask(3, at(1)),
                    replicated(by(10)),
                    process(4, in_vain([plus(5)]), failed("no")),
                    process(5, [plus(2)], at(13).changed(by(2))),
                    end(),
                ]
            },
        ),
        case("a failure takes back what became of a set", "ORSet", || {
            let (at, by, change) = (
                |elements: &str| reply(state::orset(elements)),
                delta::orset,
                update::orset,
            );
            [
                init_with(by("+a +b")),
                process(1, in_vain(change("+c -a")), failed("no")),
                ask(2, at("a b")),
                process(3, in_vain(change("clear +x")), failed("no")),
                process(4, change("-b +d"), at("a d").changed(by("-b +d"))),
                end(),
            ]
        }),
        case(
            "a register that is new survives a failure",
            "LWWRegister",
            || {
                let at = |value: &str| reply(state::lwwregister(value));
                let (to, set) = (delta::lwwregister, update::lwwregister);
                [
                    init(),
                    process(1, in_vain([set("lost")]), failed("no")),
                    ask(2, at("").changed(to(""))),
                    process(3, [set("one")], at("one").changed(to("one"))),
                    process(4, in_vain([set("lost")]), failed("no")),
                    ask(5, at("one")),
                    end(),
                ]
            },
        ),
        case("a failure tells nobody of a change", "GCounter", || {
            let (at, by, plus) = (
                |value| reply(state::gcounter(value)),
                delta::gcounter,
                update::gcounter,
            );
            [
                init(),
                process_streamed(1, StreamedRequest::default(), at(0)),
                process(2, in_vain([plus(5)]), failed("no")),
                process(3, [plus(1)], at(1).changed(by(1))),
                streams(1, at(1)),
                end(),
            ]
        }),
        case(
            "a failure takes back that a Flag was enabled",
            "Flag",
            || {
                let at = |value| reply(state::flag(value));
                [
                    init(),
                    process(1, in_vain([update::flag()]), failed("no")),
                    ask(2, at(false)),
                    process(3, [update::flag()], at(true).changed(delta::flag(true))),
                    end(),
                ]
            },
        ),
        case("a failure takes back a Vote", "Vote", || {
            let at = |own, votes_for| reply(state::vote(own, votes_for, 5));
            [
                init_with(delta::votes(false, 2, 5)),
                process(1, in_vain([update::vote(true)]), failed("no")),
                ask(2, at(false, 2)),
                process(
                    3,
                    [update::vote(true)],
                    at(true, 3).changed(delta::vote(true)),
                ),
                end(),
            ]
        }),
        case(
            "a failure takes back what an ORMap changed",
            "ORMap",
            || {
                let counter = "PNCounter-1";
                let at = |value| reply(state::ormap([(counter, state::pncounter(value))]));
                let count = |change| update::entry(counter, update::pncounter(change));
                let changed = delta::ormap([updated(counter, delta::pncounter(1))]);
                [
                    init_with(delta::ormap([added(counter, delta::pncounter(7))])),
                    process(1, in_vain([count(5), update::add("Flag-1")]), failed("no")),
                    ask(2, at(7)),
                    process(3, in_vain([update::remove(counter)]), failed("no")),
                    process(4, in_vain([update::clear(), count(3)]), failed("no")),
                    process(5, [count(1)], at(8).changed(changed)),
                    end(),
                ]
            },
        ),
        case("a failure takes back a deletion", "GCounter", || {
            [
                init_with(delta::gcounter(1)),
                process(1, [delete(), fail("no")], failed("no")),
                process(2, [update::gcounter(1)], at(2).changed(delta::gcounter(1))),
                end(),
            ]
        }),
    ]
}

fn streamed() -> Vec<Case> {
    vec![
        case("changes from elsewhere are streamed", "GCounter", || {
            [
                init(),
                process_streamed(1, StreamedRequest::default(), at(0)),
                replicated(delta::gcounter(5)),
                streams(1, at(5)),
                ask(2, at(5)),
                end(),
            ]
        }),
        case("a stream may change the state at once", "GCounter", || {
            let request = StreamedRequest {
                initial_update: Some(update::gcounter(3)),
                ..StreamedRequest::default()
            };
            [
                init(),
                process_streamed(1, request, at(3).changed(delta::gcounter(3))),
                process(2, [update::gcounter(1)], at(4).changed(delta::gcounter(1))),
                streams(1, at(4)),
                end(),
            ]
        }),
        case(
            "a stream may be cancelled that is not there",
            "GCounter",
            || {
                [
                    init(),
                    cancel(7, nothing()),
                    process(1, [update::gcounter(1)], at(1).changed(delta::gcounter(1))),
                    end(),
                ]
            },
        ),
        case(
            "a change by one stream's end is streamed to others",
            "PNCounter",
            || {
                let at = |value| reply(state::pncounter(value));
                let leaving = StreamedRequest {
                    cancel_update: Some(update::pncounter(-1)),
                    empty: true,
                    ..StreamedRequest::default()
                };
                [
                    init(),
                    process_streamed(1, StreamedRequest::default(), at(0)),
                    process_streamed(2, leaving, nothing()),
                    cancel(2, nothing().changed(delta::pncounter(-1))),
                    streams(1, at(-1)),
                    cancel(1, nothing()),
                    ask(3, at(-1)),
                    end(),
                ]
            },
        ),
    ]
}
