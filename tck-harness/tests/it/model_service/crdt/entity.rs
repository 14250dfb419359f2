//! One entity of the CRDT model: a message in, its messages out.

use std::collections::{BTreeMap, BTreeSet};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Failure, Forward, Reply, SideEffect,
        client_action::Action as Answer,
        crdt::{
            CrdtDelete, CrdtReply, CrdtStateAction, CrdtStreamCancelledResponse, CrdtStreamIn,
            CrdtStreamOut, CrdtStreamedMessage, crdt_state_action::Action as StateAction,
            crdt_stream_in::Message as In, crdt_stream_out::Message as Out,
        },
    },
};
use prost::Message;
use tck_harness::pb::crdt::{
    Effect, Request, RequestAction, Response, StreamedRequest, Update, request_action::Action,
};

use super::{
    super::server::{Call, Said},
    Fault,
    data::Crdt,
};

/// One entity, from its activation to its passivation.
#[derive(Debug)]
pub(crate) struct Entity {
    fault: Option<Fault>,
    /// Nothing in particular before the first message, which says what it is.
    crdt: Crdt,
    streams: BTreeMap<i64, StreamedRequest>,
    command_ids: BTreeSet<i64>,
}

impl Call for Entity {
    type In = CrdtStreamIn;
    type Out = CrdtStreamOut;

    fn receive(&mut self, message: CrdtStreamIn) -> Vec<Said<CrdtStreamOut>> {
        let said = |message| {
            Said::Message(CrdtStreamOut {
                message: Some(message),
            })
        };
        let answers = message.message.map(|message| self.answer_to(message));
        let answers = answers.unwrap_or_default();
        answers.into_iter().map(said).collect()
    }
}

/// What has become of a command.
#[derive(Default)]
struct Outcome {
    answer: Option<Answer>,
    side_effects: Vec<SideEffect>,
    write_consistency: i32,
    deleted: bool,
}

impl Entity {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            crdt: Crdt::new("GCounter", fault),
            streams: BTreeMap::new(),
            command_ids: BTreeSet::new(),
        }
    }

    fn answer_to(&mut self, message: In) -> Vec<Out> {
        let fault = self.fault;
        match message {
            In::Init(init) => {
                let mut crdt = Crdt::new(&init.entity_id, fault);
                if let Some(delta) = init.delta
                    && !self.has(Fault::IgnoresInit)
                {
                    crdt.apply(&delta, fault);
                }
                self.crdt = crdt;
                Vec::new()
            }
            In::Delta(delta) => {
                self.crdt().apply(&delta, fault);
                self.notify()
            }
            In::Delete(_) if self.has(Fault::AnswersDelete) => {
                vec![Out::Reply(CrdtReply::default())]
            }
            In::Delete(_) => Vec::new(),
            In::Command(command) => {
                if !self.command_ids.insert(command.id) && self.has(Fault::CommandIdsAreUnique) {
                    return vec![failure(command.id, "this id was used before")];
                }
                match &*command.name {
                    "ProcessStreamed" => self.process_streamed(&command),
                    // What is unknown, too.
                    _ => self.process(&command),
                }
            }
            In::StreamCancelled(cancelled) => self.cancel(cancelled.id),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn crdt(&mut self) -> &mut Crdt {
        &mut self.crdt
    }

    fn process(&mut self, command: &Command) -> Vec<Out> {
        let request = Request::decode(command.payload.clone().unwrap_or_default().value).unwrap();
        let mut outcome = Outcome::default();
        let before = self.crdt.clone();
        for action in request.actions {
            if let Err(description) = self.act(action, &mut outcome) {
                if !self.has(Fault::FailureKeepsChange) {
                    self.crdt = before;
                }
                let stream = self.has(Fault::FailsTheStream);
                let failure = Failure {
                    command_id: command.id,
                    description,
                    restart: false,
                };
                return vec![if stream {
                    Out::Failure(failure)
                } else {
                    Out::Reply(CrdtReply {
                        command_id: command.id,
                        client_action: Some(ClientAction {
                            action: Some(Answer::Failure(failure)),
                        }),
                        ..CrdtReply::default()
                    })
                }];
            }
        }
        self.reply(command.id, outcome, false)
    }

    fn act(&mut self, action: RequestAction, outcome: &mut Outcome) -> Result<(), String> {
        match action.action.unwrap() {
            Action::Update(update) => {
                self.update(&update);
                if !self.has(Fault::IgnoresConsistency) {
                    outcome.write_consistency = update.write_consistency;
                }
            }
            Action::Delete(_) => outcome.deleted = true,
            Action::Forward(to) => outcome.answer = Some(self.forward(to.id)),
            Action::Fail(fail) => return Err(fail.message),
            Action::Effect(effect) => outcome.side_effects.push(side_effect(&effect)),
        }
        Ok(())
    }

    fn process_streamed(&mut self, command: &Command) -> Vec<Out> {
        let request =
            StreamedRequest::decode(command.payload.clone().unwrap_or_default().value).unwrap();
        if let Some(update) = &request.initial_update {
            self.update(update);
        }
        let mut outcome = Outcome::default();
        if request.empty {
            outcome.answer = None;
        } else {
            outcome.answer = Some(self.answer());
        }
        if self.has(Fault::EffectsOnFirstReply) {
            outcome
                .side_effects
                .extend(request.effects.iter().map(side_effect));
        }
        let outputs = self.reply(command.id, outcome, true);
        self.streams.insert(command.id, request);
        outputs
    }

    /// The reply, and then what those see who wait for changes.
    fn reply(&mut self, command_id: i64, outcome: Outcome, streamed: bool) -> Vec<Out> {
        let answer = match (streamed, outcome.answer) {
            (true, answer) => answer,
            (false, Some(answer)) => Some(answer),
            (false, None) => Some(self.answer()),
        };
        let forwards = matches!(answer, Some(Answer::Forward(_)));
        let mut state_action = self.state_action(outcome.write_consistency, outcome.deleted);
        if forwards && self.has(Fault::ForwardDropsUpdate) {
            state_action = None;
        }
        let empty_answer = self.has(Fault::EmptyAnswer);
        let reply = Out::Reply(CrdtReply {
            command_id,
            client_action: match answer {
                None => empty_answer.then(ClientAction::default),
                answer => Some(ClientAction { action: answer }),
            },
            side_effects: outcome.side_effects,
            streamed: streamed && !self.has(Fault::NotStreamed),
            state_action,
        });
        let changed = matches!(&reply, Out::Reply(reply) if reply.state_action.is_some());
        let streams = if changed { self.notify() } else { Vec::new() };
        if self.has(Fault::StreamedBeforeReply) {
            [streams, vec![reply]].concat()
        } else {
            [vec![reply], streams].concat()
        }
    }

    fn state_action(&mut self, write_consistency: i32, deleted: bool) -> Option<CrdtStateAction> {
        let fault = self.fault;
        let update = self.crdt().take_delta(fault).map(StateAction::Update);
        let delete = deleted.then_some(StateAction::Delete(CrdtDelete {}));
        let action = match (update, delete) {
            (update @ Some(_), Some(_)) if self.has(Fault::DeleteSendsUpdate) => update,
            (_, delete @ Some(_)) => delete,
            (update, None) => update,
        };
        if action.is_none() && !self.has(Fault::EmptyStateAction) {
            return None;
        }
        Some(CrdtStateAction {
            write_consistency,
            action,
        })
    }

    /// Tells every open stream of a change.
    fn notify(&mut self) -> Vec<Out> {
        if self.has(Fault::StreamsToNobody) {
            return Vec::new();
        }
        let answer = self.answer();
        let state = self.crdt.state(self.fault);
        let mut outputs = Vec::new();
        let never_ends = self.has(Fault::NeverEndsStream);
        self.streams.retain(|command_id, request| {
            let end_stream = request.end_state.as_ref() == Some(&state) && !never_ends;
            let action = (!request.empty).then(|| answer.clone());
            let message = CrdtStreamedMessage {
                command_id: *command_id,
                client_action: action.map(|action| ClientAction {
                    action: Some(action),
                }),
                side_effects: request.effects.iter().map(side_effect).collect(),
                end_stream,
            };
            let silent = CrdtStreamedMessage {
                command_id: *command_id,
                ..CrdtStreamedMessage::default()
            };
            if message != silent {
                outputs.push(Out::StreamedMessage(message));
            }
            !end_stream
        });
        outputs
    }

    fn cancel(&mut self, command_id: i64) -> Vec<Out> {
        let stream = if self.has(Fault::StreamsAfterCancel) {
            self.streams.get(&command_id).cloned()
        } else {
            self.streams.remove(&command_id)
        };
        if let Some(update) = stream.and_then(|stream| stream.cancel_update)
            && !self.has(Fault::CancelWithoutUpdate)
        {
            self.update(&update);
        }
        let state_action = self.state_action(0, false);
        let changed = state_action.is_some();
        let response = Out::StreamCancelledResponse(CrdtStreamCancelledResponse {
            command_id,
            side_effects: Vec::new(),
            state_action,
        });
        let streams = if changed { self.notify() } else { Vec::new() };
        [vec![response], streams].concat()
    }

    fn update(&mut self, update: &Update) {
        let fault = self.fault;
        self.crdt().update(update, fault);
    }

    fn answer(&self) -> Answer {
        let state = self.crdt.state(self.fault);
        Answer::Reply(Reply {
            payload: Some(Any::pack(&Response { state: Some(state) })),
            metadata: None,
        })
    }

    fn forward(&self, id: String) -> Answer {
        let target = if self.has(Fault::ForwardsToItself) {
            "cloudstate.tck.model.crdt.CrdtTckModel"
        } else {
            "cloudstate.tck.model.crdt.CrdtTwo"
        };
        Answer::Forward(Forward {
            service_name: target.into(),
            command_name: "Call".into(),
            payload: Some(call(id)),
            metadata: None,
        })
    }
}

fn failure(command_id: i64, description: &str) -> Out {
    Out::Failure(Failure {
        command_id,
        description: description.into(),
        restart: false,
    })
}

fn side_effect(effect: &Effect) -> SideEffect {
    SideEffect {
        service_name: "cloudstate.tck.model.crdt.CrdtTwo".into(),
        command_name: "Call".into(),
        payload: Some(call(effect.id.clone())),
        synchronous: effect.synchronous,
        metadata: None,
    }
}

fn call(id: String) -> Any {
    Any::pack(&Request {
        id,
        actions: Vec::new(),
    })
}
