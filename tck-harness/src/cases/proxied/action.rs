//! Actions behind a proxy. What metadata the proxy adds to calls is its own affair.

use cloudstate::{Rpc, Service as _};
use cloudstate_protocol::{
    Any,
    cloudstate::{
        Forward, Metadata, Reply, SideEffect,
        action::{ActionCommand, ActionResponse, action_response::Response as Outcome},
    },
};
use prost::Name;

use crate::{
    action::{
        Expected, STREAMED, STREAMED_IN, STREAMED_OUT, UNARY, effect, fail, failed, forward,
        forwarded, group, names, no_reply, replied, reply, request,
    },
    case::{Case, Fixture},
    failure::Verdict,
    pb::action::{ActionTckModel, ActionTwo, OtherRequest, ProcessStep, Request, Response},
    proxy::Overheard,
};

const SERVICES: &[&str] = &[ActionTckModel::NAME, ActionTwo::NAME];

/// The cases of the group "verifying proxy test: action".
pub(in crate::cases) fn cases() -> Vec<Case> {
    let mut cases = shapes();
    cases.extend(outcomes());
    cases
}

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    Case::proxied("verifying proxy test: action", name, SERVICES, body)
}

fn shapes() -> Vec<Case> {
    vec![
        case("verify unary command processing", async |tck| {
            let one = steps([reply("one")]);
            unary(tck, &one, "one").await?;
            handles(tck, ActionTckModel::ProcessUnary, &one, replied("one")).await
        }),
        case("verify streamed-in command processing", async |tck| {
            let two = steps([reply("two")]);
            let mut client = tck.client()?.call(ActionTckModel::ProcessStreamedIn);
            client.send(&two).await?;
            client.end_input();
            client.expect(&response("two")).await?;
            client.complete().await?;

            let mut call = Call::next(tck, STREAMED_IN).await?;
            call.gets(names(ActionTckModel::ProcessStreamedIn)).await?;
            call.gets(payload(&two)).await?;
            call.input_ends().await?;
            call.responds(replied("two")).await
        }),
        case("verify streamed-out command processing", async |tck| {
            let values = ["A", "B", "C"];
            let all = request(values.map(|value| group([reply(value)])));
            let mut client = tck.client()?.call(ActionTckModel::ProcessStreamedOut);
            client.send(&all).await?;
            client.end_input();
            for value in values {
                client.expect(&response(value)).await?;
            }
            client.complete().await?;

            let mut call = Call::next(tck, STREAMED_OUT).await?;
            call.gets(with_payload(ActionTckModel::ProcessStreamedOut, &all))
                .await?;
            for value in values {
                call.responds(replied(value)).await?;
            }
            call.output_ends().await
        }),
        case("verify streamed command processing", async |tck| {
            let values = ["X", "Y", "Z"];
            let requests = values.map(|value| steps([reply(value)]));
            let mut client = tck.client()?.call(ActionTckModel::ProcessStreamed);
            for request in &requests {
                client.send(request).await?;
            }
            client.end_input();
            for value in values {
                client.expect(&response(value)).await?;
            }
            client.complete().await?;

            let mut call = Call::next(tck, STREAMED).await?;
            call.gets(names(ActionTckModel::ProcessStreamed)).await?;
            for request in &requests {
                call.gets(payload(request)).await?;
            }
            call.input_ends().await?;
            for value in values {
                call.responds(replied(value)).await?;
            }
            call.output_ends().await
        }),
    ]
}

fn outcomes() -> Vec<Case> {
    vec![
        case("verify unary forwards and side effects", async |tck| {
            let process = ActionTckModel::ProcessUnary;
            let forwarding = steps([forward("other")]);
            unary(tck, &forwarding, "").await?;
            handles(tck, process, &forwarding, forwarded("other")).await?;
            two_is_called(tck, "other").await?;

            let with_effect = steps([reply(""), effect("another")]);
            unary(tck, &with_effect, "").await?;
            let expected = replied("").effects(["another"]);
            handles(tck, process, &with_effect, expected).await?;
            two_is_called(tck, "another").await
        }),
        case("verify streamed forwards and side effects", async |tck| {
            let mut client = tck.client()?.call(ActionTckModel::ProcessStreamed);
            let forwarding = steps([forward("one")]);
            client.send(&forwarding).await?;
            client.expect(&response("")).await?;

            let mut call = Call::next(tck, STREAMED).await?;
            call.gets(names(ActionTckModel::ProcessStreamed)).await?;
            call.gets(payload(&forwarding)).await?;
            call.responds(forwarded("one")).await?;
            two_is_called(tck, "one").await?;

            let with_effect = steps([effect("two")]);
            client.send(&with_effect).await?;
            call.gets(payload(&with_effect)).await?;
            call.responds(no_reply().effects(["two"])).await?;
            two_is_called(tck, "two").await?;

            client.complete().await?;
            call.input_ends().await?;
            call.output_ends().await
        }),
        case("verify unary failures", async |tck| {
            let failing = steps([fail("expected failure")]);
            let process = ActionTckModel::ProcessUnary;
            let mut client = tck.client()?.call(process);
            client.send(&failing).await?;
            client.end_input();
            client.fail("expected failure").await?;
            handles(tck, process, &failing, failed("expected failure")).await
        }),
        case("verify streamed failures", async |tck| {
            let failing = steps([fail("expected failure")]);
            let mut client = tck.client()?.call(ActionTckModel::ProcessStreamed);
            client.send(&failing).await?;
            client.incoming().expect_failure("expected failure").await?;
            client.expect_cancelled_input().await?;
            client.cancel();

            let mut call = Call::next(tck, STREAMED).await?;
            call.gets(names(ActionTckModel::ProcessStreamed)).await?;
            call.gets(payload(&failing)).await?;
            call.responds(failed("expected failure")).await
        }),
        case("verify unary HTTP API", async |tck| {
            let path = "tck/model/action/unary";
            let process = ActionTckModel::ProcessUnary;
            let json = r#"{"groups": [{"steps": [{"reply": {"message": "foo"}}]}]}"#;
            tck.http()?.post(path, json, r#"{"message":"foo"}"#).await?;
            handles(tck, process, &steps([reply("foo")]), replied("foo")).await?;

            let json = r#"{"groups": [{"steps": [{"fail": {"message": "boom"}}]}]}"#;
            tck.http()?.post_failing(path, json, "boom").await?;
            handles(tck, process, &steps([fail("boom")]), failed("boom")).await
        }),
    ]
}

fn steps<const N: usize>(steps: [ProcessStep; N]) -> Request {
    request([group(steps)])
}

fn response(message: &str) -> Response {
    Response {
        message: message.into(),
    }
}

/// A client calls `ProcessUnary`, and gets this message.
async fn unary(tck: &Fixture, request: &Request, message: &str) -> Verdict {
    let mut client = tck.client()?.call(ActionTckModel::ProcessUnary);
    client.send(request).await?;
    client.end_input();
    client.expect(&response(message)).await?;
    client.complete().await
}

/// The service gets a unary call, and responds like this.
async fn handles<R: Rpc>(tck: &Fixture, rpc: R, request: &R::Request, expected: Expected) -> Verdict
where
    R::Request: Name,
{
    let mut call = Call::next(tck, UNARY).await?;
    call.gets(with_payload(rpc, request)).await?;
    call.responds(expected).await
}

/// The second service gets a call, by a forward or a side effect, and replies.
async fn two_is_called(tck: &Fixture, id: &str) -> Verdict {
    let request = OtherRequest { id: id.into() };
    handles(tck, ActionTwo::Call, &request, replied("")).await
}

/// A call of the service.
struct Call(Overheard<ActionCommand, ActionResponse>);

impl Call {
    async fn next(tck: &Fixture, path: &str) -> Verdict<Self> {
        tck.intercepted()?.next(tck.link(), path).await.map(Self)
    }

    async fn gets(&mut self, command: ActionCommand) -> Verdict {
        let strip = |command: &mut ActionCommand| command.metadata = None;
        self.0.there.expect_normalised(&command, strip).await
    }

    async fn responds(&mut self, expected: Expected) -> Verdict {
        let strip = strip_metadata;
        self.0.back.expect_normalised(&expected.into(), strip).await
    }

    async fn input_ends(&mut self) -> Verdict {
        self.0.there.expect_end("behind the client's end").await
    }

    async fn output_ends(&mut self) -> Verdict {
        self.0.back.expect_end("behind its last response").await
    }
}

fn with_payload<R: Rpc>(rpc: R, request: &R::Request) -> ActionCommand
where
    R::Request: Name,
{
    ActionCommand {
        payload: Some(Any::pack(request)),
        ..names(rpc)
    }
}

fn payload(request: &Request) -> ActionCommand {
    ActionCommand {
        payload: Some(Any::pack(request)),
        ..ActionCommand::default()
    }
}

fn strip_metadata(response: &mut ActionResponse) {
    let metadata: Option<&mut Option<Metadata>> = match &mut response.response {
        Some(
            Outcome::Reply(Reply { metadata, .. }) | Outcome::Forward(Forward { metadata, .. }),
        ) => Some(metadata),
        Some(Outcome::Failure(_)) | None => None,
    };
    let effects = response.side_effects.iter_mut();
    let effects = effects.map(|SideEffect { metadata, .. }| metadata);
    for metadata in metadata.into_iter().chain(effects) {
        *metadata = None;
    }
}
