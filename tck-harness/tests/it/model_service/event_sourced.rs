//! The event-sourced model.

use std::mem;

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Failure, Forward, Metadata, Reply, SideEffect,
        client_action::Action as Answer,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
        },
    },
    version,
};
use prost::Message;

use super::server::{Call, Said, UserFunction, WireFault};
use tck_harness::pb::{
    EventSourcedConfigured, EventSourcedTckModel, EventSourcedTwo, Persisted, Request, Response,
    request_action::Action,
};

/// What a failure behind emitted events does. The TCK allows both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The proxy is asked to load the entity again.
    Restart,
    /// The entity restores its state itself.
    Rollback,
}

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Asks for a restart also where nothing was emitted.
    AlwaysRestarts,
    /// A type URL without its prefix.
    BareTypeUrl,
    CountsFailedEvents,
    EmptyMetadata,
    FailsTheStream,
    FailureKeepsEffects,
    FailureKeepsEvents,
    ForwardsToItself,
    /// Asks for a restart, but not every time.
    Hesitates,
    IgnoresEvents,
    IgnoresSnapshots,
    KeepsFailedEvents,
    /// Encodes an empty string, where nothing is the same.
    LongWindedEncoding,
    RepeatsReplies,
    ReversesEffects,
    SnapshotBeforeEvents,
    SnapshotOffByOne,
    SynchronousEffects,
    WithoutConfigured,
    WrongCommandId,
    WrongPersistenceId,
    WrongTimeout,
    Wire(WireFault),
}

/// The user function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventSourced {
    pub(crate) on_failure: OnFailure,
    pub(crate) fault: Option<Fault>,
}

impl UserFunction for EventSourced {
    const ENTITY_TYPE: &'static str = version::EVENT_SOURCED;
    type Call = Model;

    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)> {
        let model_id = match self.fault {
            Some(Fault::WrongPersistenceId) => "EventSourcedTckModel",
            _ => "event-sourced-tck-model",
        };
        let mut services = vec![
            (EventSourcedTckModel::NAME, model_id, None),
            (EventSourcedTwo::NAME, "two", None),
        ];
        if self.fault != Some(Fault::WithoutConfigured) {
            let timeout = match self.fault {
                Some(Fault::WrongTimeout) => Some(100_000),
                _ => Some(100),
            };
            let id = "event-sourced-configured";
            services.push((EventSourcedConfigured::NAME, id, timeout));
        }
        services
    }

    fn accept(&self, _: &str) -> Model {
        Model {
            fault: self.fault,
            on_failure: self.on_failure,
            state: String::new(),
            sequence: 0,
            failures: 0,
        }
    }

    fn wire_fault(&self) -> Option<WireFault> {
        match self.fault {
            Some(Fault::Wire(fault)) => Some(fault),
            _ => None,
        }
    }
}

/// One entity, from its activation to its passivation.
#[derive(Debug)]
pub(crate) struct Model {
    fault: Option<Fault>,
    on_failure: OnFailure,
    state: String,
    sequence: u64,
    failures: u32,
}

impl Call for Model {
    type In = EventSourcedStreamIn;
    type Out = EventSourcedStreamOut;

    fn receive(&mut self, message: EventSourcedStreamIn) -> Vec<Said<EventSourcedStreamOut>> {
        match message.message.unwrap() {
            In::Init(init) => {
                if let Some(snapshot) = init.snapshot
                    && !self.has(Fault::IgnoresSnapshots)
                {
                    self.sequence = snapshot.snapshot_sequence.try_into().unwrap();
                    self.state = value(&snapshot.snapshot.unwrap());
                }
                Vec::new()
            }
            In::Event(event) => {
                self.sequence = event.sequence.try_into().unwrap();
                if !self.has(Fault::IgnoresEvents) {
                    self.state += &value(&event.payload.unwrap());
                }
                Vec::new()
            }
            In::Command(command) => {
                let message = Some(self.process(&command));
                let said = Said::Message(EventSourcedStreamOut { message });
                match self.has(Fault::RepeatsReplies) {
                    true => vec![said.clone(), said],
                    false => vec![said],
                }
            }
        }
    }
}

impl Model {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn process(&mut self, command: &Command) -> Out {
        let request = Request::decode(command.payload.clone().unwrap().value).unwrap();
        let before = (self.state.clone(), self.sequence);
        let mut reply = EventSourcedReply {
            command_id: command.id,
            ..EventSourcedReply::default()
        };
        let mut forward = None;
        for action in request.actions {
            match action.action.unwrap() {
                Action::Emit(emit) => self.emit(&emit.value, &mut reply),
                Action::Forward(to) => forward = Some(self.forward(to.id)),
                Action::Effect(effect) => {
                    let effect = self.effect(effect.id, effect.synchronous);
                    reply.side_effects.push(effect);
                }
                Action::Fail(failure) => return self.fail(failure.message, reply, before),
            }
        }
        if reply.snapshot.is_some() && !self.has(Fault::SnapshotBeforeEvents) {
            reply.snapshot = Some(persisted(&self.state));
        }
        if self.has(Fault::ReversesEffects) {
            reply.side_effects.reverse();
        }
        if self.has(Fault::WrongCommandId) {
            reply.command_id += 1;
        }
        reply.client_action = Some(ClientAction {
            action: Some(forward.unwrap_or_else(|| self.answer())),
        });
        Out::Reply(reply)
    }

    fn emit(&mut self, value: &str, reply: &mut EventSourcedReply) {
        self.sequence += 1;
        let offset = u64::from(self.has(Fault::SnapshotOffByOne));
        if (self.sequence + offset).is_multiple_of(5) {
            reply.snapshot = Some(persisted(&self.state));
        }
        self.state += value;
        reply.events.push(persisted(value));
    }

    fn answer(&self) -> Answer {
        let mut payload = Any::pack(&Response {
            message: self.state.clone(),
        });
        if self.has(Fault::BareTypeUrl) {
            payload.type_url = payload.type_name().into();
        }
        if self.has(Fault::LongWindedEncoding) && self.state.is_empty() {
            payload.value = b"\x0a\x00".as_slice().into();
        }
        Answer::Reply(Reply {
            payload: Some(payload),
            metadata: self.has(Fault::EmptyMetadata).then(Metadata::default),
        })
    }

    fn forward(&self, id: String) -> Answer {
        let target = if self.has(Fault::ForwardsToItself) {
            "cloudstate.tck.model.EventSourcedTckModel"
        } else {
            "cloudstate.tck.model.EventSourcedTwo"
        };
        Answer::Forward(Forward {
            service_name: target.into(),
            command_name: "Call".into(),
            payload: Some(call(id)),
            metadata: None,
        })
    }

    fn effect(&self, id: String, synchronous: bool) -> SideEffect {
        SideEffect {
            service_name: "cloudstate.tck.model.EventSourcedTwo".into(),
            command_name: "Call".into(),
            payload: Some(call(id)),
            synchronous: synchronous || self.has(Fault::SynchronousEffects),
            metadata: None,
        }
    }

    fn fail(
        &mut self,
        description: String,
        mut reply: EventSourcedReply,
        before: (String, u64),
    ) -> Out {
        self.failures += 1;
        let emitted = !reply.events.is_empty();
        let restart = match self.on_failure {
            OnFailure::Restart => emitted,
            OnFailure::Rollback => {
                let (state, sequence) = before;
                if !self.has(Fault::KeepsFailedEvents) {
                    self.state = state;
                }
                if !self.has(Fault::CountsFailedEvents) {
                    self.sequence = sequence;
                }
                self.has(Fault::Hesitates) && self.failures == 2
            }
        };
        let failure = Failure {
            command_id: reply.command_id,
            description,
            restart: restart || self.has(Fault::AlwaysRestarts),
        };
        if self.has(Fault::FailsTheStream) {
            return Out::Failure(failure);
        }
        let mut side_effects = mem::take(&mut reply.side_effects);
        let mut events = mem::take(&mut reply.events);
        if !self.has(Fault::FailureKeepsEffects) {
            side_effects.clear();
        }
        if !self.has(Fault::FailureKeepsEvents) {
            events.clear();
        }
        Out::Reply(EventSourcedReply {
            command_id: reply.command_id,
            client_action: Some(ClientAction {
                action: Some(Answer::Failure(failure)),
            }),
            side_effects,
            events,
            snapshot: None,
        })
    }
}

fn persisted(value: &str) -> Any {
    Any::pack(&Persisted {
        value: value.into(),
    })
}

fn value(any: &Any) -> String {
    Persisted::decode(any.value.clone()).unwrap().value
}

fn call(id: String) -> Any {
    Any::pack(&Request {
        id,
        actions: Vec::new(),
    })
}
