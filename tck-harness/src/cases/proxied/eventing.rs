//! Subscriptions to the events of an entity.

use cloudstate::{Rpc, Service as _};
use cloudstate_protocol::{
    Any,
    cloudstate::{
        action::{ActionCommand, ActionResponse, action_response::Response as Outcome},
        eventsourced::{EventSourcedReply, event_sourced_stream_out::Message as Out},
    },
};
use prost::Name;

use crate::{
    action::{UNARY, names},
    answer,
    case::{Case, Fixture, check_equal},
    failure::{Failure, Verdict},
    pb::eventlogeventing::{
        EffectRequest, EmitEventRequest, EventLogSubscriberModel, EventOne, EventSourcedEntityOne,
        EventSourcedEntityTwo, Forward, JsonEvent, ProcessStep, Reply, Response,
        emit_event_request::Event, process_step::Step,
    },
    proxy::{EventSourced, Kind, Overheard, ProxiedEntity},
};

type Entity = ProxiedEntity<EventSourced>;

const SERVICES: &[&str] = &[
    EventLogSubscriberModel::NAME,
    EventSourcedEntityOne::NAME,
    EventSourcedEntityTwo::NAME,
];

const JSON: &str = "json.cloudstate.io/";

/// The cases of the group "verifying proxy test: event log subscriptions".
pub(in crate::cases) fn cases() -> Vec<Case> {
    vec![
        case("consume an event", async |tck| {
            let id = "eventlogeventing:1";
            let message = "some message".to_owned();
            let event = event_one(Step::Reply(Reply { message }));
            emit(tck, id, &event).await?;
            let mut call = is_told(tck, &event).await?;
            replies(&mut call, id, "some message").await
        }),
        case("forward a consumed event", async |tck| {
            let id = "eventlogeventing:2";
            let message = "some message".to_owned();
            let event = event_one(Step::Forward(Forward { message }));
            emit(tck, id, &event).await?;
            let mut call = is_told(tck, &event).await?;
            let effect = EffectRequest {
                id: id.into(),
                message: "some message".into(),
            };
            let forward = answer::forward(EventLogSubscriberModel::Effect, &effect);
            let expected = Outcome::Forward(forward);
            call.back.expect(&response(expected)).await?;

            let mut call: Overheard<ActionCommand, ActionResponse> =
                tck.intercepted()?.next(tck.link(), UNARY).await?;
            let expected = with_payload(EventLogSubscriberModel::Effect, Any::pack(&effect));
            expect_command(&mut call, &expected).await?;
            replies(&mut call, id, "some message").await
        }),
        case("process json events", async |tck| {
            let id = "eventlogeventing:3";
            let request = JsonEvent {
                id: id.into(),
                message: "some json message".into(),
            };
            let rpc = EventSourcedEntityTwo::EmitJsonEvent;
            let mut entity = Entity::new::<EventSourcedEntityTwo>(tck, id)?;
            let reply = emits(tck, &mut entity, rpc, &request).await?;
            let [event] = &*reply.events else {
                let events = reply.events.len();
                return Err(Failure::new(format!(
                    "the service was to emit one event, and emitted {events}"
                )));
            };
            if !event.type_url.starts_with(JSON) {
                return Err(Failure::new(format!(
                    "the event was to be JSON: its type URL {:?} does not begin with {JSON}",
                    &*event.type_url
                )));
            }
            let mut call: Overheard<ActionCommand, ActionResponse> =
                tck.intercepted()?.next(tck.link(), UNARY).await?;
            let rpc = EventLogSubscriberModel::ProcessAnyEvent;
            expect_command(&mut call, &with_payload(rpc, event.clone())).await?;
            replies(&mut call, id, "some json message").await
        }),
    ]
}

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    let group = "verifying proxy test: event log subscriptions";
    Case::proxied(group, name, SERVICES, body)
}

fn event_one(step: Step) -> EventOne {
    EventOne {
        step: Some(ProcessStep { step: Some(step) }),
    }
}

/// The first entity emits the event.
async fn emit(tck: &Fixture, id: &str, event: &EventOne) -> Verdict {
    let request = EmitEventRequest {
        id: id.into(),
        event: Some(Event::EventOne(event.clone())),
    };
    let mut entity = Entity::new::<EventSourcedEntityOne>(tck, id)?;
    let rpc = EventSourcedEntityOne::EmitEvent;
    let reply = emits(tck, &mut entity, rpc, &request).await?;
    let events = [Any::pack(event)];
    check_equal("what the service emits", &events[..], &*reply.events)
}

/// A client calls an entity, whose reply is given.
async fn emits<R>(
    tck: &Fixture,
    entity: &mut Entity,
    rpc: R,
    request: &R::Request,
) -> Verdict<EventSourcedReply>
where
    R: Rpc<Response = ()> + Copy,
    R::Request: Name,
{
    let mut client = tck.client()?.call(rpc);
    client.send(request).await?;
    client.end_input();
    client.expect(&()).await?;
    client.complete().await?;
    let command = answer::command(rpc, entity.id(), 1, request);
    let connection = entity.connection().await?;
    connection
        .there
        .expect(&EventSourced::command(command))
        .await?;
    let expected = connection.back.outline(&Default::default());
    let received = connection.back.receive(&expected).await?;
    match &received.message.message {
        Some(Out::Reply(reply)) => Ok(reply.clone()),
        _ => Err(connection.back.difference(&expected, &received)),
    }
}

/// The subscriber is called with the event.
async fn is_told(
    tck: &Fixture,
    event: &EventOne,
) -> Verdict<Overheard<ActionCommand, ActionResponse>> {
    let mut call = tck.intercepted()?.next(tck.link(), UNARY).await?;
    let rpc = EventLogSubscriberModel::ProcessEventOne;
    expect_command(&mut call, &with_payload(rpc, Any::pack(event))).await?;
    Ok(call)
}

/// What metadata the proxy adds is its own affair.
async fn expect_command(
    call: &mut Overheard<ActionCommand, ActionResponse>,
    expected: &ActionCommand,
) -> Verdict {
    let strip = |command: &mut ActionCommand| command.metadata = None;
    call.there.expect_normalised(expected, strip).await
}

/// The service replies with the entity's id and this message.
async fn replies(
    call: &mut Overheard<ActionCommand, ActionResponse>,
    id: &str,
    message: &str,
) -> Verdict {
    let payload = Response {
        id: id.into(),
        message: message.into(),
    };
    let expected = Outcome::Reply(answer::reply(&payload));
    call.back.expect(&response(expected)).await
}

fn response(outcome: Outcome) -> ActionResponse {
    ActionResponse {
        side_effects: Vec::new(),
        response: Some(outcome),
    }
}

fn with_payload<R: Rpc>(rpc: R, payload: Any) -> ActionCommand {
    ActionCommand {
        payload: Some(payload),
        ..names(rpc)
    }
}
