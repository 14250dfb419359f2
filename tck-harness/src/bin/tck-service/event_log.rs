//! The eventing models: two entities that emit, and an action that is subscribed to their events.

use cloudstate::{Any, prelude::*};
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::pb::eventlogeventing::{
    EffectRequest, EmitEventRequest, EventLogSubscriberModel, EventOne, EventSourcedEntityOne,
    EventSourcedEntityTwo, EventTwo, JsonEvent, ProcessStep, Response, emit_event_request::Event,
    process_step::Step,
};

/// Emits what it is given.
#[event_sourced_entity(service = EventSourcedEntityOne, persistence_id = "eventlogeventing-one")]
#[derive(Default)]
struct One;

#[handlers]
impl One {
    #[command_handler]
    fn emit_event(one: &mut Context<Self>, request: EmitEventRequest) -> Result<(), Failure> {
        match request.event {
            Some(Event::EventOne(event)) => one.emit(event),
            Some(Event::EventTwo(event)) => one.emit(event),
            None => return Err(Failure::new("event is missing")),
        }
        Ok(())
    }

    #[event_handler]
    fn event_one(&mut self, _event: EventOne) {}

    #[event_handler]
    fn event_two(&mut self, _event: EventTwo) {}
}

/// Emits what it is given as JSON.
#[event_sourced_entity(service = EventSourcedEntityTwo, persistence_id = "eventlogeventing-two")]
#[derive(Default)]
struct Two;

/// The event, as it is stored: `{"message": ..}`.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "JsonEvent")]
struct Said {
    message: String,
}

#[handlers]
impl Two {
    #[command_handler]
    fn emit_json_event(two: &mut Context<Self>, request: JsonEvent) {
        let message = request.message;
        two.emit(Said { message });
    }

    #[event_handler]
    fn said(&mut self, _event: Said) {}
}

/// Gets the events of both.
#[action(service = EventLogSubscriberModel)]
#[derive(Default)]
struct Subscriber;

#[handlers]
impl Subscriber {
    #[call_handler]
    fn process_event_one(
        &self,
        event: EventOne,
        source: Option<CloudEvent>,
    ) -> MaybeReply<Response> {
        let id = emitter(source);
        event
            .step
            .map_or_else(MaybeReply::none, |step| respond(&id, step))
    }

    #[call_handler]
    fn process_event_two(
        &self,
        event: EventTwo,
        source: Option<CloudEvent>,
    ) -> impl Stream<Item = MaybeReply<Response>> {
        let id = emitter(source);
        stream::iter(event.step.into_iter().map(move |step| respond(&id, step)))
    }

    #[call_handler]
    fn effect(&self, request: EffectRequest) -> Response {
        Response {
            id: request.id,
            message: request.message,
        }
    }

    #[call_handler]
    fn process_any_event(
        &self,
        event: Any,
        source: Option<CloudEvent>,
    ) -> Result<Response, Failure> {
        let said: Said = event
            .from_json()
            .map_err(|error| Failure::new(error.to_string()))?;
        Ok(Response {
            id: emitter(source),
            message: said.message,
        })
    }
}

/// The id of the entity that emitted the event.
fn emitter(event: Option<CloudEvent>) -> String {
    event.and_then(|event| event.subject).unwrap_or_default()
}

fn respond(id: &str, step: ProcessStep) -> MaybeReply<Response> {
    let id = id.to_owned();
    match step.step {
        Some(Step::Reply(reply)) => {
            let message = reply.message;
            Response { id, message }.into()
        }
        Some(Step::Forward(to)) => {
            let message = to.message;
            let request = EffectRequest { id, message };
            Reply::forward(Forward::to(EventLogSubscriberModel::Effect, request))
        }
        None => MaybeReply::none(),
    }
}
