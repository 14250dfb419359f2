//! Event-sourced entities behind a proxy.

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        client_action::Action,
        eventsourced::{
            EventSourcedEvent, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
    },
};

use crate::{
    answer::command,
    case::{Case, Fixture},
    event_sourced::{Expected, effect, emit, fail, failed, forward, forwarded, reply},
    failure::Verdict,
    pb::{
        EventSourcedConfigured, EventSourcedTckModel, EventSourcedTwo, Persisted, Request,
        RequestAction,
    },
    proxy::{EventSourced, Kind, ProxiedEntity},
};

type Entity = ProxiedEntity<EventSourced>;

const MODEL: &str = EventSourcedTckModel::NAME;
const TWO: &str = EventSourcedTwo::NAME;
const CONFIGURED: &str = EventSourcedConfigured::NAME;

/// The cases of the group "verifying proxy test: event sourced entity".
pub(in crate::cases) fn cases() -> Vec<Case> {
    vec![
        case("verify state changes", &[MODEL, TWO], async |tck| {
            let mut entity = model(tck)?;
            let fifth = reply("ABCDE").events(["E"]).snapshot("ABCDE");
            // Taken behind all events of the command, although the tenth is not its last.
            let eleventh = reply("ABCDEFGHIJK")
                .events(["J", "K"])
                .snapshot("ABCDEFGHIJK");
            process(&mut entity, 1, [], reply("")).await?;
            emits(&mut entity, 2, ["A"], reply("A")).await?;
            emits(&mut entity, 3, ["B", "C", "D"], reply("ABCD")).await?;
            emits(&mut entity, 4, ["E"], fifth).await?;
            emits(&mut entity, 5, ["F", "G", "H", "I"], reply("ABCDEFGHI")).await?;
            emits(&mut entity, 6, ["J", "K"], eleventh).await
        }),
        case(
            "verify forwards and side effects",
            &[MODEL, TWO],
            async |tck| {
                let mut entity = model(tck)?;
                let id = entity.id().to_owned();
                let mut two = Entity::new::<EventSourcedTwo>(tck, &id)?;
                emits(&mut entity, 1, ["one"], reply("one")).await?;
                process(&mut entity, 2, [forward(&id)], forwarded(&id)).await?;
                is_called(&mut two, 1).await?;
                let expected = reply("one").effects([&id]);
                process(&mut entity, 3, [effect(&id)], expected).await?;
                is_called(&mut two, 2).await?;
                process(&mut entity, 4, [], reply("one")).await
            },
        ),
        case("verify failures", &[MODEL, TWO], async |tck| {
            let mut entity = model(tck)?;
            emits(&mut entity, 1, ["1", "2", "3"], reply("123")).await?;
            let expected = failed("expected failure");
            process(&mut entity, 2, [fail("expected failure")], expected).await?;
            process(&mut entity, 3, [], reply("123")).await?;
            let actions = [emit("4"), fail("another failure"), emit("5")];
            let next = fails(&mut entity, 4, actions, "another failure", &["1", "2", "3"]).await?;
            let fifth = reply("12345").events(["4", "5"]).snapshot("12345");
            process(&mut entity, next, [emit("4"), emit("5")], fifth).await
        }),
        case("verify HTTP API", &[MODEL, TWO], http),
        case("verify passivation timeout", &[CONFIGURED], async |tck| {
            let id = tck.next_event_sourced_id();
            let mut entity = Entity::new::<EventSourcedConfigured>(tck, &id)?;
            let request = request(&entity, []);
            let expected = reply("").to(1);
            let call = EventSourcedConfigured::Call;
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
    let group = "verifying proxy test: event sourced entity";
    Case::proxied(group, name, needs, body)
}

async fn http(tck: &mut Fixture) -> Verdict {
    let mut entity = model(tck)?;
    let id = entity.id().to_owned();
    let mut two = Entity::new::<EventSourcedTwo>(tck, &id)?;
    let path = format!("tck/model/eventsourced/{id}");

    entity.post(&path, "{}", r#"{"message":""}"#).await?;
    overhears(&mut entity, 1, [], reply("")).await?;

    let call = format!("{TWO}/Call");
    let json = format!(r#"{{"id": "{id}"}}"#);
    two.post(&call, &json, r#"{"message":""}"#).await?;
    is_called(&mut two, 1).await?;

    let json = r#"{"actions": [{"emit": {"value": "x"}}]}"#;
    entity.post(&path, json, r#"{"message":"x"}"#).await?;
    overhears(&mut entity, 2, [emit("x")], reply("x").events(["x"])).await?;

    let json = r#"{"actions": [{"fail": {"message": "expected failure"}}]}"#;
    entity.post_failing(&path, json, "expected failure").await?;
    let expected = failed("expected failure");
    overhears(&mut entity, 3, [fail("expected failure")], expected).await?;

    let json = r#"{"actions": [{"emit": {"value": "y"}}]}"#;
    entity.post(&path, json, r#"{"message":"xy"}"#).await?;
    overhears(&mut entity, 4, [emit("y")], reply("xy").events(["y"])).await?;

    let json =
        r#"{"actions": [{"emit": {"value": "z"}}, {"fail": {"message": "emit then fail"}}]}"#;
    entity.post_failing(&path, json, "emit then fail").await?;
    let actions = [emit("z"), fail("emit then fail")];
    let next = overhears_failure(&mut entity, 5, actions, "emit then fail", &["x", "y"]).await?;

    let json = r#"{"actions": [{"emit": {"value": "z"}}]}"#;
    entity.post(&path, json, r#"{"message":"xyz"}"#).await?;
    overhears(&mut entity, next, [emit("z")], reply("xyz").events(["z"])).await
}

fn model(tck: &mut Fixture) -> Verdict<Entity> {
    let id = tck.next_event_sourced_id();
    Entity::new::<EventSourcedTckModel>(tck, &id)
}

fn request<const N: usize>(entity: &Entity, actions: [RequestAction; N]) -> Request {
    Request {
        id: entity.id().into(),
        actions: actions.into(),
    }
}

async fn process<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    expected: Expected,
) -> Verdict {
    let request = request(entity, actions);
    let process = EventSourcedTckModel::Process;
    entity.call(process, id, &request, &expected.to(id)).await
}

async fn emits<const N: usize>(
    entity: &mut Entity,
    id: i64,
    values: [&str; N],
    expected: Expected,
) -> Verdict {
    process(entity, id, values.map(emit), expected.events(values)).await
}

async fn overhears<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    expected: Expected,
) -> Verdict {
    let request = request(entity, actions);
    let process = EventSourcedTckModel::Process;
    entity
        .overhears(process, id, &request, &expected.to(id))
        .await
}

/// The second service gets a call, by a forward, a side effect or a caller, and answers it.
async fn is_called(two: &mut Entity, id: i64) -> Verdict {
    let request = request(two, []);
    let call = EventSourcedTwo::Call;
    two.overhears(call, id, &request, &reply("").to(id)).await
}

/// A command that fails behind an emitted event; see [`overhears_failure`].
async fn fails<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    description: &str,
    stored: &[&str],
) -> Verdict<i64> {
    let request = request(entity, actions.clone());
    let process = EventSourcedTckModel::Process;
    entity.fails(process, &request, description).await?;
    overhears_failure(entity, id, actions, description, stored).await
}

/// The service fails, and may ask for a restart. If it does, the proxy must end the stream, and open the next one at
/// once, with what is stored. Gives the next command's id.
async fn overhears_failure<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    description: &str,
    stored: &[&str],
) -> Verdict<i64> {
    let request = request(entity, actions);
    let command = command(EventSourcedTckModel::Process, entity.id(), id, &request);
    let connection = entity.connection().await?;
    connection
        .there
        .expect(&EventSourced::command(command))
        .await?;
    let expected = failed(description).to(id);
    let expected = connection.back.outline(&expected);
    let received = connection.back.receive(&expected).await?;
    let restart = match failure_in(&received.message) {
        Some(failure) if failure.command_id == id && failure.description == description => {
            failure.restart
        }
        _ => return Err(connection.back.difference(&expected, &received)),
    };
    if !restart {
        return Ok(id + 1);
    }
    entity.closes().await?;
    let connection = entity.connection().await?;
    for (sequence, value) in (1..).zip(stored) {
        connection.there.expect(&event(sequence, value)).await?;
    }
    Ok(1)
}

fn event(sequence: i64, value: &str) -> EventSourcedStreamIn {
    let payload = Any::pack(&Persisted {
        value: value.into(),
    });
    EventSourcedStreamIn {
        message: Some(In::Event(EventSourcedEvent {
            sequence,
            payload: Some(payload),
        })),
    }
}

fn failure_in(
    message: &EventSourcedStreamOut,
) -> Option<&cloudstate_protocol::cloudstate::Failure> {
    let Some(Out::Reply(reply)) = &message.message else {
        return None;
    };
    match reply.client_action.as_ref()?.action.as_ref()? {
        Action::Failure(failure) => Some(failure),
        Action::Reply(_) | Action::Forward(_) => None,
    }
}
