//! The eventing models: the entities that emit, and the action that gets their events.

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Forward, Metadata, Reply,
        action::{ActionCommand, ActionResponse, action_response::Response as Outcome},
        client_action::Action as Answer,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
        metadata_entry::Value,
    },
    version,
};
use prost::Message;
use serde_json::json;
use tck_harness::pb::eventlogeventing::{
    EffectRequest, EmitEventRequest, EventLogSubscriberModel, EventOne, EventSourcedEntityOne,
    EventSourcedEntityTwo, EventTwo, JsonEvent, ProcessStep, Response, emit_event_request::Event,
    process_step::Step,
};

use super::server::{Call, Said, UserFunction, WireFault};

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The target of forwards answers in the name of the event's entity.
    AnswersForTheEvent,
    EmitsTwice,
    /// A type URL that is not one of JSON.
    EmitsJsonAsMessage,
    FirstStepAlone,
    ForwardsToItself,
    /// The id is the source of the event, not its subject.
    NamesTheSource,
    /// JSON cannot be read under the name that it was emitted with.
    RefusesJson,
    WrongPersistenceId,
}

/// The entities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emitters {
    pub(crate) fault: Option<Fault>,
}

impl UserFunction for Emitters {
    const ENTITY_TYPE: &'static str = version::EVENT_SOURCED;
    type Call = Emitter;

    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)> {
        let two = match self.fault {
            Some(Fault::WrongPersistenceId) => "EventSourcedEntityTwo",
            _ => "eventlogeventing-two",
        };
        vec![
            (EventSourcedEntityOne::NAME, "eventlogeventing-one", None),
            (EventSourcedEntityTwo::NAME, two, None),
        ]
    }

    fn accept(&self, _: &str) -> Emitter {
        Emitter { fault: self.fault }
    }

    fn wire_fault(&self) -> Option<WireFault> {
        None
    }
}

/// One entity.
#[derive(Debug)]
pub(crate) struct Emitter {
    fault: Option<Fault>,
}

impl Call for Emitter {
    type In = EventSourcedStreamIn;
    type Out = EventSourcedStreamOut;

    fn receive(&mut self, message: EventSourcedStreamIn) -> Vec<Said<EventSourcedStreamOut>> {
        let In::Command(command) = message.message.unwrap() else {
            return Vec::new();
        };
        let payload = command.payload.unwrap().value;
        let event = match &*command.name {
            "EmitEvent" => match EmitEventRequest::decode(payload).unwrap().event.unwrap() {
                Event::EventOne(event) => Any::pack(&event),
                Event::EventTwo(event) => Any::pack(&event),
            },
            _ => {
                let message = JsonEvent::decode(payload).unwrap().message;
                let mut event = Any::json("A", &json!({ "message": message })).unwrap();
                if self.fault == Some(Fault::EmitsJsonAsMessage) {
                    event.type_url = "type.googleapis.com/A".into();
                }
                event
            }
        };
        let times = match self.fault {
            Some(Fault::EmitsTwice) => 2,
            _ => 1,
        };
        vec![Said::Message(EventSourcedStreamOut {
            message: Some(Out::Reply(EventSourcedReply {
                command_id: command.id,
                client_action: Some(ClientAction {
                    action: Some(Answer::Reply(Reply {
                        payload: Some(Any::pack(&())),
                        metadata: None,
                    })),
                }),
                events: vec![event; times],
                ..EventSourcedReply::default()
            })),
        })]
    }
}

/// The action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscriber {
    pub(crate) fault: Option<Fault>,
}

impl UserFunction for Subscriber {
    const ENTITY_TYPE: &'static str = version::ACTION;
    type Call = Delivery;

    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)> {
        let name = EventLogSubscriberModel::NAME;
        vec![(name, "EventLogSubscriberModel", None)]
    }

    fn accept(&self, _: &str) -> Delivery {
        Delivery { fault: self.fault }
    }

    fn wire_fault(&self) -> Option<WireFault> {
        None
    }
}

/// One call.
#[derive(Debug)]
pub(crate) struct Delivery {
    fault: Option<Fault>,
}

impl Call for Delivery {
    type In = ActionCommand;
    type Out = ActionResponse;

    fn receive(&mut self, command: ActionCommand) -> Vec<Said<ActionResponse>> {
        let metadata = command.metadata.unwrap();
        let id = match self.has(Fault::NamesTheSource) {
            true => entry(&metadata, "ce-source"),
            false => entry(&metadata, "ce-subject"),
        };
        let event = command.payload.unwrap();
        let steps = match &*command.name {
            "ProcessEventOne" => vec![EventOne::decode(event.value).unwrap().step.unwrap()],
            "ProcessEventTwo" => EventTwo::decode(event.value).unwrap().step,
            "ProcessAnyEvent" if self.has(Fault::RefusesJson) => return vec![Said::Completed],
            "ProcessAnyEvent" => {
                let json: serde_json::Value = event.from_json().unwrap();
                return respond(id, json["message"].as_str().unwrap().into());
            }
            _ => {
                let request = EffectRequest::decode(event.value).unwrap();
                let id = match self.has(Fault::AnswersForTheEvent) {
                    true => id,
                    false => request.id,
                };
                return respond(id, request.message);
            }
        };
        let count = match self.has(Fault::FirstStepAlone) {
            true => 1,
            false => steps.len(),
        };
        let steps = steps.into_iter().take(count);
        steps.flat_map(|step| self.process(&id, step)).collect()
    }
}

impl Delivery {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn process(&self, id: &str, step: ProcessStep) -> Vec<Said<ActionResponse>> {
        let id = id.to_owned();
        match step.step.unwrap() {
            Step::Reply(reply) => respond(id, reply.message),
            Step::Forward(to) => {
                let message = to.message;
                let command_name = match self.has(Fault::ForwardsToItself) {
                    true => "ProcessEventOne",
                    false => "Effect",
                };
                said(Outcome::Forward(Forward {
                    service_name: EventLogSubscriberModel::NAME.into(),
                    command_name: command_name.into(),
                    payload: Some(Any::pack(&EffectRequest { id, message })),
                    metadata: None,
                }))
            }
        }
    }
}

fn entry(metadata: &Metadata, key: &str) -> String {
    let entry = metadata.entries.iter().find(|entry| entry.key == key);
    match entry.unwrap().value.clone().unwrap() {
        Value::StringValue(text) => text,
        Value::BytesValue(_) => panic!("{key} is not text"),
    }
}

fn respond(id: String, message: String) -> Vec<Said<ActionResponse>> {
    said(Outcome::Reply(Reply {
        payload: Some(Any::pack(&Response { id, message })),
        metadata: None,
    }))
}

fn said(outcome: Outcome) -> Vec<Said<ActionResponse>> {
    vec![Said::Message(ActionResponse {
        side_effects: Vec::new(),
        response: Some(outcome),
    })]
}
