//! Further cases of the action model.

use cloudstate::Service as _;

use super::CROWD;
use crate::{
    action::{Call, effect, fail, failed, group, no_reply, replied, reply, request},
    case::{Case, Fixture},
    failure::Verdict,
    pb::action::{ActionTckModel, ActionTwo},
};

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    Case::new(
        "extended: action",
        name,
        &[ActionTckModel::NAME, ActionTwo::NAME],
        body,
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("several unary calls are open at once", async |tck| {
            let mut calls = Vec::new();
            for number in 0..CROWD {
                let message = number.to_string();
                let one = request([group([reply(&message)])]);
                calls.push((Call::unary(tck, one).await?, message));
            }
            for (mut call, message) in calls {
                call.expect(replied(&message)).await?;
                call.end().await?;
            }
            Ok(())
        }),
        case(
            "requests of several streamed calls are interleaved",
            async |tck| {
                let mut calls = Vec::new();
                for number in 0..CROWD {
                    calls.push((Call::streamed(tck).await?, number.to_string()));
                }
                for _ in 0..3 {
                    for (call, message) in &calls {
                        call.send(request([group([reply(message)])])).await?;
                    }
                    for (call, message) in &mut calls {
                        call.expect(replied(message)).await?;
                    }
                }
                for (call, _) in calls {
                    call.end().await?;
                }
                Ok(())
            },
        ),
        case(
            "requests of a streamed call do not wait for responses",
            async |tck| {
                let mut call = Call::streamed(tck).await?;
                for _ in 0..10 {
                    let failing = group([fail("no"), effect("a")]);
                    let replying = group([reply("yes")]);
                    call.send(request([failing, group([]), replying])).await?;
                }
                call.end_input();
                for _ in 0..10 {
                    call.expect(failed("no").effects(["a"])).await?;
                    call.expect(no_reply()).await?;
                    call.expect(replied("yes")).await?;
                }
                call.end().await
            },
        ),
        case(
            "a streamed call without a request ends without a response",
            async |tck| Call::streamed(tck).await?.end().await,
        ),
        case("a streamed call may end behind any request", async |tck| {
            for requests in 0..4 {
                let mut call = Call::streamed(tck).await?;
                for _ in 0..requests {
                    call.send(request([group([reply("one")])])).await?;
                    call.expect(replied("one")).await?;
                }
                call.end().await?;

                let mut call = Call::streamed_in(tck).await?;
                for _ in 0..requests {
                    call.send(request([group([effect("a")]), group([reply("one")])]))
                        .await?;
                }
                call.end_input();
                let expected = match requests {
                    0 => no_reply(),
                    1 => replied("one").effects(["a"]),
                    2 => replied("one").effects(["a", "a"]),
                    _ => replied("one").effects(["a", "a", "a"]),
                };
                call.expect(expected).await?;
                call.end().await?;
            }
            Ok(())
        }),
        case("a call that is cancelled harms no other", async |tck| {
            let mut other = Call::streamed(tck).await?;
            other.send(request([group([reply("one")])])).await?;
            other.expect(replied("one")).await?;
            for _ in 0..CROWD {
                let call = Call::streamed(tck).await?;
                call.send(request([group([reply("lost")])])).await?;
                call.cancel();
                let call = Call::streamed_in(tck).await?;
                call.send(request([group([reply("lost")])])).await?;
                call.cancel();
            }
            other.send(request([group([reply("two")])])).await?;
            other.expect(replied("two")).await?;
            other.end().await
        }),
    ]
}
