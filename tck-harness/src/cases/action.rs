//! Cases of the action model, played directly on the service.

use cloudstate::Service as _;
use cloudstate_protocol::version::ACTION;

use crate::{
    action::{
        Call, Expected, effect, fail, failed, forward, forwarded, group, no_reply, replied, reply,
        request, synchronous_effect,
    },
    case::{Case, Fixture},
    failure::Verdict,
    pb::action::{ActionTckModel, ActionTwo, ProcessGroup, ProcessStep},
};

const MODEL: &str = ActionTckModel::NAME;
const TWO: &str = ActionTwo::NAME;

/// The cases of the group "verifying model test: action".
pub(super) fn model() -> Vec<Case> {
    let mut cases = vec![case("verify action entity discovery", async |tck| {
        tck.discovered(MODEL, ACTION)?;
        tck.discovered(TWO, ACTION)?;
        Ok(())
    })];
    cases.extend(unary());
    cases.extend(streamed_in());
    cases.extend(streamed_out());
    cases.extend(streamed());
    cases
}

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    Case::new("verifying model test: action", name, &[MODEL, TWO], body)
}

/// One of the four things that a response can be, each of which is tested in the same way.
#[derive(Clone, Copy)]
struct Outcome {
    /// The step that asks for it.
    step: fn(&str) -> Option<ProcessStep>,
    /// What comes of it.
    expected: fn(&str) -> Expected,
}

const REPLY: Outcome = Outcome {
    step: |message| Some(reply(message)),
    expected: replied,
};

const NO_REPLY: Outcome = Outcome {
    step: |_| None,
    expected: |_| no_reply(),
};

const FORWARD: Outcome = Outcome {
    step: |id| Some(forward(id)),
    expected: forwarded,
};

const FAILURE: Outcome = Outcome {
    step: |description| Some(fail(description)),
    expected: failed,
};

impl Outcome {
    /// Asks for it, and for side effects behind it.
    fn group<const N: usize>(self, text: &str, effects: [ProcessStep; N]) -> ProcessGroup {
        group((self.step)(text).into_iter().chain(effects))
    }

    fn expected(self, text: &str) -> Expected {
        (self.expected)(text)
    }

    /// Four groups that have no side effect, one, a synchronous one and several.
    fn four_groups(self) -> [(ProcessGroup, Expected); 4] {
        [
            (self.group("one", []), self.expected("one")),
            (
                self.group("two", [effect("other")]),
                self.expected("two").effects(["other"]),
            ),
            (
                self.group("three", [synchronous_effect("another")]),
                self.expected("three").synchronous_effects(["another"]),
            ),
            (
                self.group("four", ["a", "b", "c"].map(effect)),
                self.expected("four").effects(["a", "b", "c"]),
            ),
        ]
    }
}

fn unary() -> Vec<Case> {
    let reply = [
        "verify unary command reply",
        "verify unary command reply with side effect",
        "verify unary command reply with synchronous side effect",
        "verify unary command reply with multiple side effects",
    ];
    let no_reply = [
        "verify unary command no reply",
        "verify unary command no reply with side effect",
        "verify unary command no reply with synchronous side effect",
        "verify unary command no reply with multiple side effects",
    ];
    let forward = [
        "verify unary command forward",
        "verify unary command forward with side effect",
        "verify unary command forward with synchronous side effect",
        "verify unary command forward with multiple side effects",
    ];
    let failure = [
        "verify unary command failure",
        "verify unary command failure with side effect",
        "verify unary command failure with synchronous side effect",
        "verify unary command failure with multiple side effects",
    ];
    let mut cases = Vec::new();
    for (outcome, names) in [
        (REPLY, reply),
        (NO_REPLY, no_reply),
        (FORWARD, forward),
        (FAILURE, failure),
    ] {
        for (name, (group, expected)) in names.into_iter().zip(outcome.four_groups()) {
            cases.push(case(name, async move |tck| {
                let mut call = Call::unary(tck, request([group.clone()])).await?;
                call.expect(expected.clone()).await?;
                call.end().await
            }));
        }
    }
    cases
}

fn streamed_in() -> Vec<Case> {
    vec![
        streamed_in_alone(REPLY, "verify streamed-in command reply"),
        streamed_in_with_effects(REPLY, "verify streamed-in command reply with side effects"),
        case(
            "verify streamed-in command no reply (no requests)",
            async |tck| {
                let mut call = Call::streamed_in(tck).await?;
                call.end_input();
                call.expect(no_reply()).await?;
                call.end().await
            },
        ),
        streamed_in_alone(NO_REPLY, "verify streamed-in command no reply"),
        streamed_in_with_effects(
            NO_REPLY,
            "verify streamed-in command no reply with side effects",
        ),
        streamed_in_alone(FORWARD, "verify streamed-in command forward"),
        streamed_in_with_effects(
            FORWARD,
            "verify streamed-in command forward with side effects",
        ),
        streamed_in_alone(FAILURE, "verify streamed-in command failure"),
        streamed_in_with_effects(
            FAILURE,
            "verify streamed-in command failure with side effects",
        ),
    ]
}

fn streamed_in_alone(outcome: Outcome, name: &'static str) -> Case {
    case(name, async move |tck| {
        let mut call = Call::streamed_in(tck).await?;
        call.send(request([outcome.group("one", [])])).await?;
        call.end_input();
        call.expect(outcome.expected("one")).await?;
        call.end().await
    })
}

fn streamed_in_with_effects(outcome: Outcome, name: &'static str) -> Case {
    case(name, async move |tck| {
        let mut call = Call::streamed_in(tck).await?;
        for group in [
            outcome.group("two", [effect("a")]),
            group([synchronous_effect("b")]),
            group(["c", "d"].map(effect)),
        ] {
            call.send(request([group])).await?;
        }
        call.end_input();
        let expected = outcome.expected("two").effects(["a"]);
        let expected = expected.synchronous_effects(["b"]).effects(["c", "d"]);
        call.expect(expected).await?;
        call.end().await
    })
}

fn streamed_out() -> Vec<Case> {
    let names = [
        "verify streamed-out command replies and side effects",
        "verify streamed-out command no replies and side effects",
        "verify streamed-out command forwards and side effects",
        "verify streamed-out command failures and side effects",
    ];
    let cases = names.into_iter().zip([REPLY, NO_REPLY, FORWARD, FAILURE]);
    let cases = cases.map(|(name, outcome)| {
        case(name, async move |tck| {
            let groups = outcome.four_groups();
            let four = request(groups.clone().map(|(group, _)| group));
            let mut call = Call::streamed_out(tck, four).await?;
            for (_, expected) in groups {
                call.expect(expected).await?;
            }
            call.end().await
        })
    });
    cases.collect()
}

fn streamed() -> Vec<Case> {
    let names = [
        "verify streamed command replies and side effects",
        "verify streamed command no replies and side effects",
        "verify streamed command forwards and side effects",
        "verify streamed command failures and side effects",
    ];
    let cases = names.into_iter().zip([REPLY, NO_REPLY, FORWARD, FAILURE]);
    let cases = cases.map(|(name, outcome)| {
        case(name, async move |tck| {
            let mut call = Call::streamed(tck).await?;
            for (group, expected) in outcome.four_groups() {
                call.send(request([group])).await?;
                call.expect(expected).await?;
            }
            let five = outcome.group("five", []);
            let six = outcome.group("six", [effect("other")]);
            call.send(request([five, six])).await?;
            call.expect(outcome.expected("five")).await?;
            call.expect(outcome.expected("six").effects(["other"]))
                .await?;
            call.end().await
        })
    });
    cases.collect()
}
