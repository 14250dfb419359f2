//! One entity of the model: a message in, its messages out.

use std::mem;

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Failure, Forward, Metadata, Reply, SideEffect,
        client_action::Action as Answer,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamOut, event_sourced_stream_in::Message as In,
            event_sourced_stream_out::Message as Out,
        },
    },
};
use prost::Message;
use tck_harness::pb::{Persisted, Request, Response, request_action::Action};

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
    EndsWithError,
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
    NeverCompletes,
    RepeatsReplies,
    ReversesEffects,
    Silent,
    SnapshotBeforeEvents,
    SnapshotOffByOne,
    SynchronousEffects,
    UnknownField,
    WrongCommandId,
    WithoutConfigured,
    WrongPersistenceId,
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

impl Model {
    pub(crate) fn new(on_failure: OnFailure, fault: Option<Fault>) -> Self {
        Self {
            fault,
            on_failure,
            state: String::new(),
            sequence: 0,
            failures: 0,
        }
    }

    pub(crate) fn receive(&mut self, message: In) -> Vec<EventSourcedStreamOut> {
        match message {
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
            In::Command(_) if self.has(Fault::Silent) => Vec::new(),
            In::Command(command) => {
                let message = EventSourcedStreamOut {
                    message: Some(self.process(&command)),
                };
                let times = if self.has(Fault::RepeatsReplies) {
                    2
                } else {
                    1
                };
                vec![message; times]
            }
        }
    }

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
