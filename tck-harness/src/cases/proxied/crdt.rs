//! CRDT entities behind a proxy.

use std::time::Duration;

use cloudstate::Service as _;
use cloudstate_protocol::cloudstate::{
    StreamCancelled,
    crdt::{CrdtStreamIn, crdt_stream_in::Message as In},
};

use crate::{
    answer::command,
    case::{Case, Fixture},
    connection::Connection,
    crdt::{
        Expected, delete, delta, effect, empty_reply, fail, failed, forward, forwarded, nothing,
        reply, state, update,
    },
    failure::Verdict,
    pb::crdt::{
        CrdtConfigured, CrdtTckModel, CrdtTwo, Request, RequestAction, Response, State,
        StreamedRequest,
    },
    proxy::{Crdt, Kind, ProxiedEntity},
};

type Entity = ProxiedEntity<Crdt>;

const MODEL: &str = CrdtTckModel::NAME;
const TWO: &str = CrdtTwo::NAME;
const CONFIGURED: &str = CrdtConfigured::NAME;

/// For so long nothing must come where nothing is to come.
const QUIET: Duration = Duration::from_millis(100);

/// The cases of the group "verifying proxy test: CRDT entity".
pub(in crate::cases) fn cases() -> Vec<Case> {
    vec![
        case("verify state changes", &[MODEL, TWO], async |tck| {
            let mut entity = model(tck, "PNCounter")?;
            let at = |value| reply(state::pncounter(value));
            let by = delta::pncounter;
            let plus = |change| update::pncounter(change).into();
            process(&mut entity, 1, [], at(0)).await?;
            let first = [plus(1), plus(-2), plus(3)];
            process(&mut entity, 2, first, at(2).changed(by(2))).await?;
            let second = [plus(4), plus(-5), plus(6)];
            process(&mut entity, 3, second, at(7).changed(by(5))).await?;
            process(&mut entity, 4, [delete()], at(7).deleted()).await?;
            entity.closes().await
        }),
        case(
            "verify forwards and side effects",
            &[MODEL, TWO],
            async |tck| {
                let mut entity = model(tck, "GSet")?;
                let id = entity.id().to_owned();
                let mut two = Entity::new::<CrdtTwo>(tck, &id)?;
                let at_one = || reply(state::gset("one"));
                let add = update::gset("one").remove(0).into();
                let changed = at_one().changed(delta::gset("one"));
                process(&mut entity, 1, [add], changed).await?;
                process(&mut entity, 2, [forward(&id)], forwarded(&id)).await?;
                two_is_called(&mut two, 1).await?;
                process(&mut entity, 3, [effect(&id)], at_one().effects([&id])).await?;
                two_is_called(&mut two, 2).await?;
                process(&mut entity, 4, [delete()], at_one().deleted()).await?;
                entity.closes().await?;

                let request = request(&two, [delete()]);
                let expected = empty_reply().deleted().to(3);
                two.call(CrdtTwo::Call, 3, &request, &expected).await?;
                two.closes().await
            },
        ),
        case("verify failures", &[MODEL, TWO], async |tck| {
            let mut entity = model(tck, "GCounter")?;
            let at_42 = || reply(state::gcounter(42));
            let changed = at_42().changed(delta::gcounter(42));
            process(&mut entity, 1, [update::gcounter(42).into()], changed).await?;
            let expected = failed("expected failure");
            process(&mut entity, 2, [fail("expected failure")], expected).await?;
            process(&mut entity, 3, [delete()], at_42().deleted()).await?;
            entity.closes().await
        }),
        case(
            "verify streamed responses for connection tracking",
            &[MODEL, TWO],
            connection_tracking,
        ),
        case("verify HTTP API", &[MODEL, TWO], http),
        case("verify passivation timeout", &[CONFIGURED], async |tck| {
            let id = tck.next_crdt_id("Configured");
            let mut entity = Entity::new::<CrdtConfigured>(tck, &id)?;
            let request = request(&entity, []);
            let expected = empty_reply().to(1);
            let call = CrdtConfigured::Call;
            entity.call(call, 1, &request, &expected).await?;
            entity.is_passivated().await
        }),
    ]
}

fn case(
    name: &'static str,
    needs: &'static [&'static str],
    body: impl AsyncFn(&mut Fixture) -> Verdict + 'static,
) -> Case {
    Case::proxied("verifying proxy test: CRDT entity", name, needs, body)
}

/// One caller watches how another comes and goes: its vote is for as long as it is there.
async fn connection_tracking(tck: &mut Fixture) -> Verdict {
    let mut entity = model(tck, "Vote")?;
    let id = entity.id().to_owned();
    let votes = |own, votes_for| state::vote(own, votes_for, 1);

    let request = StreamedRequest {
        id: id.clone(),
        ..StreamedRequest::default()
    };
    let mut watcher = stream(tck, &request).await?;
    watcher.expect(&response(votes(false, 0))).await?;
    let expected = reply(votes(false, 0)).to_streamed(1);
    gets_streamed(&mut entity, 1, &request, &expected).await?;

    let request = StreamedRequest {
        id: id.clone(),
        initial_update: Some(update::vote(true)),
        cancel_update: Some(update::vote(false)),
        empty: true,
        ..StreamedRequest::default()
    };
    let mut watched = stream(tck, &request).await?;
    watched.incoming().expect_nothing(QUIET).await?;
    watcher.expect(&response(votes(true, 1))).await?;
    let expected = nothing().changed(delta::vote(true)).to_streamed(2);
    gets_streamed(&mut entity, 2, &request, &expected).await?;
    says(&mut entity, &reply(votes(true, 1)).message(1)).await?;

    watched.cancel();
    is_told_of_cancellation(&mut entity, 2).await?;
    let expected = nothing().changed(delta::vote(false)).cancellation(2);
    says(&mut entity, &expected).await?;
    says(&mut entity, &reply(votes(false, 0)).message(1)).await?;
    watcher.expect(&response(votes(false, 0))).await?;

    watcher.cancel();
    is_told_of_cancellation(&mut entity, 1).await?;
    says(&mut entity, &nothing().cancellation(1)).await?;

    let expected = reply(votes(false, 0)).deleted();
    process(&mut entity, 3, [delete()], expected).await?;
    entity.closes().await
}

async fn http(tck: &mut Fixture) -> Verdict {
    let mut entity = model(tck, "PNCounter")?;
    let id = entity.id().to_owned();
    let mut two = Entity::new::<CrdtTwo>(tck, &id)?;
    let path = format!("tck/model/crdt/{id}");
    let at = |value| reply(state::pncounter(value));
    let by = delta::pncounter;
    let plus = |change| update::pncounter(change).into();
    let json_of = |value: i64| format!(r#"{{"state":{{"pncounter":{{"value":"{value}"}}}}}}"#);
    let change = |change: i64| {
        format!(r#"{{"actions": [{{"update": {{"pncounter": {{"change": "{change}"}}}}}}]}}"#)
    };

    entity.post(&path, "{}", &json_of(0)).await?;
    overhears(&mut entity, 1, [], at(0)).await?;

    let json = format!(r#"{{"id": "{id}"}}"#);
    two.post(&format!("{TWO}/Call"), &json, "{}").await?;
    two_is_called(&mut two, 1).await?;

    entity.post(&path, &change(42), &json_of(42)).await?;
    overhears(&mut entity, 2, [plus(42)], at(42).changed(by(42))).await?;

    let json = r#"{"actions": [{"fail": {"message": "expected failure"}}]}"#;
    entity.post_failing(&path, json, "expected failure").await?;
    let expected = failed("expected failure");
    overhears(&mut entity, 3, [fail("expected failure")], expected).await?;

    entity.post(&path, &change(-123), &json_of(-81)).await?;
    let expected = at(-81).changed(by(-123));
    overhears(&mut entity, 4, [plus(-123)], expected).await?;

    let json = r#"{"actions": [{"delete": {}}]}"#;
    entity.post(&path, json, &json_of(-81)).await?;
    overhears(&mut entity, 5, [delete()], at(-81).deleted()).await?;
    entity.closes().await
}

fn model(tck: &mut Fixture, kind: &str) -> Verdict<Entity> {
    let id = tck.next_crdt_id(kind);
    Entity::new::<CrdtTckModel>(tck, &id)
}

fn request<const N: usize>(entity: &Entity, actions: [RequestAction; N]) -> Request {
    Request {
        id: entity.id().into(),
        actions: actions.into(),
    }
}

fn response(state: State) -> Response {
    Response { state: Some(state) }
}

async fn process<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    expected: Expected,
) -> Verdict {
    let request = request(entity, actions);
    let process = CrdtTckModel::Process;
    entity.call(process, id, &request, &expected.to(id)).await
}

async fn overhears<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    expected: Expected,
) -> Verdict {
    let request = request(entity, actions);
    let process = CrdtTckModel::Process;
    entity
        .overhears(process, id, &request, &expected.to(id))
        .await
}

/// The second service gets a call, by a forward, a side effect or a caller, and answers it.
async fn two_is_called(two: &mut Entity, id: i64) -> Verdict {
    let request = request(two, []);
    let expected = empty_reply().to(id);
    two.overhears(CrdtTwo::Call, id, &request, &expected).await
}

/// A client calls `ProcessStreamed`.
async fn stream(
    tck: &Fixture,
    request: &StreamedRequest,
) -> Verdict<Connection<StreamedRequest, Response>> {
    let mut call = tck.client()?.call(CrdtTckModel::ProcessStreamed);
    call.send(request).await?;
    call.end_input();
    Ok(call)
}

/// The service gets a streamed command, and answers like this at first.
async fn gets_streamed(
    entity: &mut Entity,
    id: i64,
    request: &StreamedRequest,
    expected: &<Crdt as Kind>::Out,
) -> Verdict {
    let mut command = command(CrdtTckModel::ProcessStreamed, entity.id(), id, request);
    command.streamed = true;
    let connection = entity.connection().await?;
    connection.there.expect(&Crdt::command(command)).await?;
    connection.back.expect(expected).await
}

async fn is_told_of_cancellation(entity: &mut Entity, id: i64) -> Verdict {
    let cancelled = CrdtStreamIn {
        message: Some(In::StreamCancelled(StreamCancelled {
            entity_id: entity.id().into(),
            id,
        })),
    };
    entity.connection().await?.there.expect(&cancelled).await
}

async fn says(entity: &mut Entity, expected: &<Crdt as Kind>::Out) -> Verdict {
    entity.connection().await?.back.expect(expected).await
}
