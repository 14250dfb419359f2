//! Further cases of the CRDT model.

use cloudstate::Service as _;

use crate::{
    case::{Case, Fixture},
    crdt::{
        Step, ask, delta, end, fail, failed, init, init_with, play, process, process_streamed,
        replicated, reply, state, streams, update,
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
    Case::new("further: CRDT entity", name, needs, body)
}

/// These updates, and then a failure.
fn in_vain<U: Into<RequestAction>>(updates: impl IntoIterator<Item = U>) -> Vec<RequestAction> {
    let updates = updates.into_iter().map(Into::into);
    updates.chain([fail("no")]).collect()
}

pub(super) fn cases() -> Vec<Case> {
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
    ]
}
