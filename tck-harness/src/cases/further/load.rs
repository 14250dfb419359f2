//! Much at once: commands, bytes and events, and commands at the moment when an entity is passivated.

use std::{collections::BTreeMap, time::Duration};

use cloudstate::{Rpc, Service as _};
use cloudstate_protocol::cloudstate::eventsourced::event_sourced_stream_in::Message as In;
use prost::{Message as _, Name};
use tokio::time::sleep;

use crate::{
    answer::command,
    case::{Case, Fixture},
    event_sourced::{self, emit, reply},
    failure::{Failure, Verdict},
    pb::{
        self, EventSourcedConfigured, EventSourcedTckModel, Request, Response,
        crdt::CrdtConfigured,
        valueentity::{ValueEntityConfigured, ValueEntityTckModel},
    },
    proxy::{EventSourced, Kind as _, ProxiedEntity, ValueEntity},
    value_entity::{self, update},
};

const GROUP: &str = "extended: load";

/// How many callers an entity has at once.
const CALLERS: i64 = 100;

/// How many events an entity has that is loaded.
const EVENTS: i64 = 10_000;

/// Length of a large value, in bytes.
const LARGE: usize = 1_000_000;

/// How many entities are used around the moment of their passivation.
const IDLERS: usize = 8;

/// The first pause between two commands, a little shorter than the passivation timeout of 100 ms.
const SHORTEST_PAUSE: Duration = Duration::from_millis(92);

/// The pause after which entities must have been passivated, also on a busy machine.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub(super) fn cases() -> Vec<Case> {
    let event_sourced = &[EventSourcedTckModel::NAME];
    let value_entity = &[ValueEntityTckModel::NAME];
    vec![
        Case::new(
            GROUP,
            "ten thousand events are replayed",
            event_sourced,
            replay,
        )
        .bulky(),
        Case::new(
            GROUP,
            "an event and a snapshot have a megabyte each",
            event_sourced,
            large_event,
        )
        .bulky(),
        Case::new(GROUP, "a value has a megabyte", value_entity, large_value).bulky(),
        Case::proxied(
            GROUP,
            "a hundred commands at once are handled one behind the other",
            event_sourced,
            callers,
        ),
        Case::proxied(
            GROUP,
            "a megabyte goes through the proxy and back, over gRPC and HTTP",
            value_entity,
            large_messages,
        )
        .bulky(),
        Case::proxied(
            GROUP,
            "commands come while event-sourced entities are passivated",
            &[EventSourcedConfigured::NAME],
            async |tck| {
                let ids = [(); IDLERS].map(|()| tck.next_event_sourced_id());
                let request = |id: &str| Request {
                    id: id.into(),
                    ..Request::default()
                };
                idle(tck, EventSourcedConfigured::Call, ids, request).await
            },
        ),
        Case::proxied(
            GROUP,
            "commands come while value entities are passivated",
            &[ValueEntityConfigured::NAME],
            async |tck| {
                let ids = [(); IDLERS].map(|()| tck.next_value_entity_id());
                let request = |id: &str| pb::valueentity::Request {
                    id: id.into(),
                    ..pb::valueentity::Request::default()
                };
                idle(tck, ValueEntityConfigured::Call, ids, request).await
            },
        ),
        Case::proxied(
            GROUP,
            "commands come while CRDT entities are passivated",
            &[CrdtConfigured::NAME],
            async |tck| {
                let ids = [(); IDLERS].map(|()| tck.next_crdt_id("Configured"));
                let request = |id: &str| pb::crdt::Request {
                    id: id.into(),
                    ..pb::crdt::Request::default()
                };
                idle(tck, CrdtConfigured::Call, ids, request).await
            },
        ),
    ]
}

async fn replay(tck: &mut Fixture) -> Verdict {
    let mut entity = event_sourced::Entity::new(tck).activate().await?;
    let mut state = String::new();
    for sequence in 1..=EVENTS {
        let value = format!("{sequence} ");
        entity.replay(sequence, &value).await?;
        state += &value;
    }
    entity.process(1, [], reply(&state)).await?;
    state += "next";
    entity.emits(2, ["next"], reply(&state)).await?;
    entity.end().await
}

async fn large_event(tck: &mut Fixture) -> Verdict {
    let large = "x".repeat(LARGE);
    let entity = event_sourced::Entity::new(tck);
    let mut active = entity.activate().await?;
    active.emits(1, [&large], reply(&large)).await?;
    active.end().await?;

    let mut active = entity.activate_from(4, &large).await?;
    let state = format!("{large}y");
    let fifth = reply(&state).snapshot(&state);
    active.emits(1, ["y"], fifth).await?;
    active.end().await
}

async fn large_value(tck: &mut Fixture) -> Verdict {
    let large = "x".repeat(LARGE);
    let entity = value_entity::Entity::new(tck);
    let mut active = entity.activate().await?;
    let expected = value_entity::reply(&large).update(&large);
    active.process(1, [update(&large)], expected).await?;
    active.end().await?;

    let mut active = entity.activate_from(&large).await?;
    active.process(1, [], value_entity::reply(&large)).await?;
    active.end().await
}

/// Whatever the order in which the commands reach the service, each sees what those before it have emitted, and every
/// caller gets the reply to its own.
async fn callers(tck: &mut Fixture) -> Verdict {
    let id = tck.next_event_sourced_id();
    let request = |value: &str| Request {
        id: id.clone(),
        actions: vec![emit(value)],
    };
    let client = tck.client()?;
    let mut callers = BTreeMap::new();
    for number in 0..CALLERS {
        let request = request(&format!("{number} "));
        let mut caller = client.call(EventSourcedTckModel::Process);
        caller.send(&request).await?;
        caller.end_input();
        callers.insert(request.encode_to_vec(), caller);
    }
    let mut entity = ProxiedEntity::<EventSourced>::new::<EventSourcedTckModel>(tck, &id)?;
    let stream = entity.connection().await?;
    let mut state = String::new();
    for command_id in 1..=CALLERS {
        let any = request("(of any caller)");
        let any = command(EventSourcedTckModel::Process, &id, command_id, &any);
        let any = stream.there.outline(&EventSourced::command(any));
        let received = stream.there.receive(&any).await?;
        let payload = match &received.message.message {
            Some(In::Command(command)) => command.payload.clone().unwrap_or_default().value,
            _ => return Err(stream.there.difference(&any, &received)),
        };
        let Some(mut caller) = callers.remove(&payload[..]) else {
            return Err(Failure::new(
                "the proxy sent a command that no caller has sent, or one of them twice",
            )
            .detail("received", [format!("{:?}", received.message)]));
        };
        let sent = Request::decode(payload).map_err(|error| Failure::new(error.to_string()))?;
        let expected = command(EventSourcedTckModel::Process, &id, command_id, &sent);
        let expected = EventSourced::command(expected);
        if received.message != expected {
            let expected = stream.there.outline(&expected);
            return Err(stream.there.difference(&expected, &received));
        }
        let value = match sent
            .actions
            .first()
            .and_then(|action| action.action.clone())
        {
            Some(pb::request_action::Action::Emit(emit)) => emit.value,
            _ => String::new(),
        };
        state += &value;
        let mut expected = reply(&state).events([&value]);
        if command_id % 5 == 0 {
            expected = expected.snapshot(&state);
        }
        stream.back.expect(&expected.to(command_id)).await?;
        let response = Response {
            message: state.clone(),
        };
        caller.expect(&response).await?;
        caller.complete().await?;
    }
    Ok(())
}

async fn large_messages(tck: &mut Fixture) -> Verdict {
    let large = "x".repeat(LARGE);
    let id = tck.next_value_entity_id();
    let mut entity = ProxiedEntity::<ValueEntity>::new::<ValueEntityTckModel>(tck, &id)?;
    let request = |value: &str| pb::valueentity::Request {
        id: id.clone(),
        actions: vec![update(value)],
    };
    let process = ValueEntityTckModel::Process;
    let stored = value_entity::reply(&large).update(&large);
    entity
        .call(process, 1, &request(&large), &stored.to(1))
        .await?;

    let large = "y".repeat(LARGE);
    let path = format!("tck/model/entity/{id}");
    let json = format!(r#"{{"actions":[{{"update":{{"value":"{large}"}}}}]}}"#);
    let expected = format!(r#"{{"message":"{large}"}}"#);
    entity.post(&path, &json, &expected).await?;
    let stored = value_entity::reply(&large).update(&large);
    entity
        .overhears(process, 2, &request(&large), &stored.to(2))
        .await
}

/// Calls entities again and again, each time a little later, until they are passivated between most calls; every call
/// must be answered.
async fn idle<R: Rpc + Copy>(
    tck: &mut Fixture,
    rpc: R,
    ids: [String; IDLERS],
    request: impl Fn(&str) -> R::Request,
) -> Verdict
where
    R::Request: Name,
    R::Response: Name + Default + PartialEq,
{
    let client = tck.client()?;
    let mut pause = SHORTEST_PAUSE;
    let mut activations = 0;
    while activations < 5 * IDLERS {
        if pause > LONGEST_PAUSE {
            return Err(Failure::new(format!(
                "entities whose passivation timeout is 100 ms are still there after {pause:?}"
            )));
        }
        let mut calls = Vec::new();
        for id in &ids {
            let mut call = client.call(rpc);
            call.send(&request(id)).await?;
            call.end_input();
            calls.push(call);
        }
        for mut call in calls {
            call.expect(&R::Response::default()).await?;
            call.complete().await?;
        }
        activations += tck.intercepted()?.clear().await;
        sleep(pause).await;
        pause += pause / 32;
    }
    Ok(())
}
