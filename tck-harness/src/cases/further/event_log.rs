//! Cases of the eventing models, played directly on the service: what a proxy does when it delivers events.

use cloudstate::{Rpc, Service};
use cloudstate_protocol::{
    Any,
    cloudstate::{
        Metadata, MetadataEntry,
        action::{ActionCommand, ActionResponse, action_response::Response as Outcome},
        eventsourced::{
            EventSourcedInit, EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
        metadata_entry::Value,
    },
    version::{ACTION, EVENT_SOURCED},
};

use crate::{
    answer::{self, Answer},
    case::{Case, Fixture, check_persistence_id},
    connection::Connection,
    failure::{Failure, Verdict},
    pb::eventlogeventing::{
        EffectRequest, EmitEventRequest, EventLogSubscriberModel, EventOne, EventSourcedEntityOne,
        EventSourcedEntityTwo, EventTwo, Forward, JsonEvent, ProcessStep, Reply, Response,
        emit_event_request::Event, process_step::Step,
    },
};

const UNARY: &str = "/cloudstate.action.ActionProtocol/handleUnary";
const STREAMED_OUT: &str = "/cloudstate.action.ActionProtocol/handleStreamedOut";
const HANDLE: &str = "/cloudstate.eventsourced.EventSourced/handle";

const SUBSCRIBER: &str = EventLogSubscriberModel::NAME;
const ONE: &str = EventSourcedEntityOne::NAME;
const TWO: &str = EventSourcedEntityTwo::NAME;

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    let needs = &[SUBSCRIBER, ONE, TWO];
    Case::new("extended: event log subscriptions", name, needs, body)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "both entities and their subscriber are announced",
            async |tck| {
                tck.discovered(SUBSCRIBER, ACTION)?;
                check_persistence_id("eventlogeventing-one", tck.discovered(ONE, EVENT_SOURCED)?)?;
                check_persistence_id("eventlogeventing-two", tck.discovered(TWO, EVENT_SOURCED)?)
            },
        ),
        case("messages are emitted", async |tck| {
            let one = EventOne {
                step: Some(reply("A")),
            };
            let two = EventTwo {
                step: vec![reply("B"), forward("C")],
            };
            let events = [
                (Any::pack(&one), Event::EventOne(one)),
                (Any::pack(&two), Event::EventTwo(two)),
            ];
            for (expected, event) in events {
                let request = EmitEventRequest {
                    id: "entity-1".into(),
                    event: Some(event),
                };
                let mut entity = command(tck, EventSourcedEntityOne::EmitEvent, &request).await?;
                entity.expect(&emitted(vec![expected])).await?;
                entity.complete().await?;
            }
            Ok(())
        }),
        case("JSON is emitted", async |tck| {
            let request = JsonEvent {
                id: "entity-1".into(),
                message: "A".into(),
            };
            emit_json(tck, &request).await.map(drop)
        }),
        case(
            "an event is processed for the entity that emitted it",
            async |tck| {
                let mut call = deliver(
                    tck,
                    UNARY,
                    EventLogSubscriberModel::ProcessEventOne,
                    "entity-1",
                    Any::pack(&EventOne {
                        step: Some(reply("A")),
                    }),
                )
                .await?;
                call.expect(&replied("entity-1", "A")).await?;
                call.complete().await
            },
        ),
        case("the processing of an event is forwarded", async |tck| {
            let mut call = deliver(
                tck,
                UNARY,
                EventLogSubscriberModel::ProcessEventOne,
                "entity-2",
                Any::pack(&EventOne {
                    step: Some(forward("A")),
                }),
            )
            .await?;
            call.expect(&forwarded("entity-2", "A")).await?;
            call.complete().await
        }),
        case("an event may have several responses", async |tck| {
            let mut call = deliver(
                tck,
                STREAMED_OUT,
                EventLogSubscriberModel::ProcessEventTwo,
                "entity-3",
                Any::pack(&EventTwo {
                    step: vec![reply("A"), forward("B"), reply("C")],
                }),
            )
            .await?;
            call.expect(&replied("entity-3", "A")).await?;
            call.expect(&forwarded("entity-3", "B")).await?;
            call.expect(&replied("entity-3", "C")).await?;
            call.complete().await
        }),
        case("JSON is delivered as it was emitted", async |tck| {
            let request = JsonEvent {
                id: "entity-4".into(),
                message: "A".into(),
            };
            let emitted = emit_json(tck, &request).await?;
            let any_event = EventLogSubscriberModel::ProcessAnyEvent;
            let mut call = deliver(tck, UNARY, any_event, "entity-4", emitted).await?;
            call.expect(&replied("entity-4", "A")).await?;
            call.complete().await
        }),
        case(
            "the target of forwards answers with its request",
            async |tck| {
                let request = Any::pack(&EffectRequest {
                    id: "entity-5".into(),
                    message: "A".into(),
                });
                let effect = EventLogSubscriberModel::Effect;
                let mut call = deliver(tck, UNARY, effect, "another", request).await?;
                call.expect(&replied("entity-5", "A")).await?;
                call.complete().await
            },
        ),
    ]
}

type Entity = Connection<EventSourcedStreamIn, EventSourcedStreamOut>;

/// Sends a command to a new entity.
async fn command<R: Rpc>(tck: &mut Fixture, rpc: R, request: &R::Request) -> Verdict<Entity>
where
    R::Request: prost::Name,
{
    let id = tck.next_event_sourced_id();
    let entity: Entity = tck.link().open(HANDLE);
    let init = EventSourcedInit {
        service_name: R::Service::NAME.into(),
        entity_id: id.clone(),
        snapshot: None,
    };
    let command = answer::command(rpc, &id, 1, request);
    for message in [In::Init(init), In::Command(command)] {
        let message = Some(message);
        entity.send(&EventSourcedStreamIn { message }).await?;
    }
    Ok(entity)
}

/// An empty reply with these events.
fn emitted(events: Vec<Any>) -> EventSourcedStreamOut {
    EventSourcedStreamOut {
        message: Some(Out::Reply(EventSourcedReply {
            command_id: 1,
            client_action: Some(Answer::reply(&()).to(1)),
            events,
            ..EventSourcedReply::default()
        })),
    }
}

/// Lets an entity emit a JSON event, and gives it. Each language names its type as it does.
async fn emit_json(tck: &mut Fixture, request: &JsonEvent) -> Verdict<Any> {
    let mut entity = command(tck, EventSourcedEntityTwo::EmitJsonEvent, request).await?;
    let json = serde_json::json!({ "message": request.message });
    let event = Any::json("JsonEvent", &json)
        .map_err(|error| Failure::new(format!("the case itself is wrong: {error}")))?;
    let expected = tck.link().descriptors.show(&emitted(vec![event]));
    let received = entity.receive(&expected).await?;
    let found = match &received.message.message {
        Some(Out::Reply(reply)) => reply.events.first().cloned().unwrap_or_default(),
        _ => Any::default(),
    };
    let is_json = found
        .from_json()
        .is_ok_and(|found: serde_json::Value| found == json);
    if !is_json || received.message != emitted(vec![found.clone()]) {
        return Err(entity.difference(&expected, &received));
    }
    entity.complete().await?;
    Ok(found)
}

/// Delivers an event to the subscriber, as an event of this entity.
async fn deliver<R: Rpc>(
    tck: &Fixture,
    path: &'static str,
    _: R,
    entity_id: &str,
    event: Any,
) -> Verdict<Connection<ActionCommand, ActionResponse>> {
    let entry = |key: &str, value: &str| MetadataEntry {
        key: key.into(),
        value: Some(Value::StringValue(value.into())),
    };
    let metadata = Metadata {
        entries: vec![
            entry("ce-id", "1"),
            entry("ce-source", "eventlogeventing-one"),
            entry("ce-specversion", "1.0"),
            entry("ce-type", &event.type_url),
            entry("Content-Type", "application/vnd.cloudstate.protobuf.any"),
            entry("ce-subject", entity_id),
        ],
    };
    let mut call: Connection<ActionCommand, ActionResponse> = tck.link().open(path);
    let command = ActionCommand {
        service_name: SUBSCRIBER.into(),
        name: R::NAME.into(),
        payload: Some(event),
        metadata: Some(metadata),
    };
    call.send(&command).await?;
    call.end_input();
    Ok(call)
}

fn reply(message: &str) -> ProcessStep {
    let message = message.into();
    ProcessStep {
        step: Some(Step::Reply(Reply { message })),
    }
}

fn forward(message: &str) -> ProcessStep {
    let message = message.into();
    ProcessStep {
        step: Some(Step::Forward(Forward { message })),
    }
}

fn replied(id: &str, message: &str) -> ActionResponse {
    respond(Outcome::Reply(answer::reply(&Response {
        id: id.into(),
        message: message.into(),
    })))
}

fn forwarded(id: &str, message: &str) -> ActionResponse {
    let request = EffectRequest {
        id: id.into(),
        message: message.into(),
    };
    let effect = EventLogSubscriberModel::Effect;
    respond(Outcome::Forward(answer::forward(effect, &request)))
}

fn respond(outcome: Outcome) -> ActionResponse {
    ActionResponse {
        side_effects: Vec::new(),
        response: Some(outcome),
    }
}
