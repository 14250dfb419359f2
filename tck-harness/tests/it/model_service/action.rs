//! The action model.

use std::mem;

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        Failure, Forward, Metadata, Reply, SideEffect,
        action::{ActionCommand, ActionResponse, action_response::Response as Outcome},
    },
    version,
};
use prost::Message;
use tck_harness::pb::action::{
    ActionTckModel, ActionTwo, OtherRequest, ProcessGroup, Request, Response, process_step::Step,
};
use tonic::Status;

use super::server::{Call, Said, UserFunction, WireFault};

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answers a streamed call only when its input has ended.
    AnswersAtTheEnd,
    /// Answers a call with streamed input before its input has ended.
    AnswersTooEarly,
    AsynchronousEffects,
    EffectWithMetadata,
    EmptyMetadata,
    /// Fails a call with streamed input and without a request.
    EmptyInputFails,
    /// Takes each failure for the end of a streamed call.
    FailureEnds,
    FailureDropsEffects,
    FailureRestarts,
    /// Answers with a gRPC status.
    FailsTheCall,
    /// One response of a streamed call has all groups of the request.
    FoldsGroups,
    FirstGroupAlone,
    FirstRequestAlone,
    ForwardDropsEffects,
    ForwardsToItself,
    /// A later request without a response takes the earlier one back.
    LastRequestWins,
    /// A streamed call does not say that there is no reply.
    LeavesOutNoReply,
    NoReplyDropsEffects,
    /// Replies with an empty message where there is no reply.
    NoReplyReplies,
    RepeatsResponses,
    ReversesEffects,
    SynchronousEffects,
    /// Takes the message that opens a call with streamed input for a request.
    TakesNamesForARequest,
    /// What was right for entities is wrong for actions.
    WrongEntityType,
    Wire(WireFault),
}

/// The user function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    pub(crate) fault: Option<Fault>,
}

impl UserFunction for Action {
    const ENTITY_TYPE: &'static str = version::ACTION;
    type Call = Model;

    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)> {
        vec![
            (ActionTckModel::NAME, "ActionTckModel", None),
            (ActionTwo::NAME, "ActionTwo", None),
        ]
    }

    fn announced_as(&self) -> &'static str {
        match self.fault {
            Some(Fault::WrongEntityType) => version::EVENT_SOURCED,
            _ => Self::ENTITY_TYPE,
        }
    }

    fn accept(&self, rpc: &str) -> Model {
        let shape = match rpc {
            "handleUnary" => Shape::Unary,
            "handleStreamedIn" => Shape::StreamedIn,
            "handleStreamedOut" => Shape::StreamedOut,
            "handleStreamed" => Shape::Streamed,
            _ => panic!("no such rpc: {rpc}"),
        };
        Model {
            fault: self.fault,
            shape,
            messages: 0,
            folded: ActionResponse::default(),
            held_back: Vec::new(),
        }
    }

    fn keeps_silent(&self) -> bool {
        matches!(
            self.fault,
            Some(Fault::AnswersAtTheEnd | Fault::FirstGroupAlone | Fault::LeavesOutNoReply)
        )
    }

    fn wire_fault(&self) -> Option<WireFault> {
        match self.fault {
            Some(Fault::Wire(fault)) => Some(fault),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Unary,
    StreamedIn,
    StreamedOut,
    Streamed,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Model {
    fault: Option<Fault>,
    shape: Shape,
    /// Received so far.
    messages: u32,
    /// The one response of a call with streamed input.
    folded: ActionResponse,
    held_back: Vec<Said<ActionResponse>>,
}

impl Call for Model {
    type In = ActionCommand;
    type Out = ActionResponse;

    fn receive(&mut self, command: ActionCommand) -> Vec<Said<ActionResponse>> {
        let streamed_in = matches!(self.shape, Shape::StreamedIn | Shape::Streamed);
        let opens = streamed_in && self.messages == 0;
        self.messages += 1;
        if opens && !self.has(Fault::TakesNamesForARequest) {
            return Vec::new();
        }
        let mut groups = match command.payload {
            Some(payload) => Request::decode(payload.value).unwrap().groups,
            None => vec![ProcessGroup::default()],
        };
        if self.has(Fault::FirstGroupAlone) {
            groups.truncate(1);
        }
        let said = match self.shape {
            Shape::Unary => {
                let response = self.fold(ActionResponse::default(), groups);
                self.said(response)
            }
            Shape::StreamedIn => {
                if self.has(Fault::LastRequestWins) {
                    self.folded.response = None;
                }
                if self.messages == 2 || !self.has(Fault::FirstRequestAlone) {
                    let folded = mem::take(&mut self.folded);
                    self.folded = self.fold(folded, groups);
                }
                if !self.has(Fault::AnswersTooEarly) {
                    return Vec::new();
                }
                let folded = self.folded.clone();
                self.said(folded)
            }
            Shape::StreamedOut | Shape::Streamed if self.has(Fault::FoldsGroups) => {
                let response = self.fold(ActionResponse::default(), groups);
                self.said(response)
            }
            Shape::StreamedOut | Shape::Streamed => {
                let respond = |group| {
                    let response = self.fold(ActionResponse::default(), vec![group]);
                    self.said(response)
                };
                groups.into_iter().flat_map(respond).collect()
            }
        };
        if self.shape == Shape::Streamed && self.has(Fault::AnswersAtTheEnd) {
            self.held_back.extend(said);
            return Vec::new();
        }
        said
    }

    fn end(&mut self) -> Vec<Said<ActionResponse>> {
        if self.shape != Shape::StreamedIn {
            return mem::take(&mut self.held_back);
        }
        if self.messages == 1 && self.has(Fault::EmptyInputFails) {
            return vec![Said::Failed(Status::invalid_argument("no request"))];
        }
        let folded = mem::take(&mut self.folded);
        self.said(folded)
    }
}

impl Model {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Adds what these groups ask for.
    fn fold(&self, mut response: ActionResponse, groups: Vec<ProcessGroup>) -> ActionResponse {
        for step in groups.into_iter().flat_map(|group| group.steps) {
            match step.step.unwrap() {
                Step::Reply(reply) => response.response = Some(self.reply(reply.message)),
                Step::Forward(to) => response.response = Some(self.forward(to.id)),
                Step::Fail(fail) => {
                    response.response = Some(Outcome::Failure(Failure {
                        command_id: 0,
                        description: fail.message,
                        restart: self.has(Fault::FailureRestarts),
                    }));
                }
                Step::Effect(effect) => {
                    let effect = self.effect(effect.id, effect.synchronous);
                    response.side_effects.push(effect);
                }
            }
        }
        response
    }

    /// Says a response, as it is or as it should not be.
    fn said(&self, mut response: ActionResponse) -> Vec<Said<ActionResponse>> {
        let streams_out = matches!(self.shape, Shape::StreamedOut | Shape::Streamed);
        let drops = match &response.response {
            Some(Outcome::Failure(_)) => self.has(Fault::FailureDropsEffects),
            Some(Outcome::Forward(_)) => self.has(Fault::ForwardDropsEffects),
            Some(Outcome::Reply(_)) => false,
            None => self.has(Fault::NoReplyDropsEffects),
        };
        if drops {
            response.side_effects.clear();
        }
        if self.has(Fault::ReversesEffects) {
            response.side_effects.reverse();
        }
        match &response.response {
            Some(Outcome::Failure(failure)) if self.has(Fault::FailsTheCall) => {
                vec![Said::Failed(Status::unknown(&failure.description))]
            }
            Some(Outcome::Failure(_)) if streams_out && self.has(Fault::FailureEnds) => {
                vec![Said::Message(response), Said::Completed]
            }
            None if streams_out && self.has(Fault::LeavesOutNoReply) => Vec::new(),
            None if self.has(Fault::NoReplyReplies) => {
                response.response = Some(self.reply(String::new()));
                vec![Said::Message(response)]
            }
            _ if self.has(Fault::RepeatsResponses) => {
                vec![Said::Message(response.clone()), Said::Message(response)]
            }
            _ => vec![Said::Message(response)],
        }
    }

    fn reply(&self, message: String) -> Outcome {
        Outcome::Reply(Reply {
            payload: Some(Any::pack(&Response { message })),
            metadata: self.has(Fault::EmptyMetadata).then(Metadata::default),
        })
    }

    fn forward(&self, id: String) -> Outcome {
        let target = match self.has(Fault::ForwardsToItself) {
            true => ActionTckModel::NAME,
            false => ActionTwo::NAME,
        };
        Outcome::Forward(Forward {
            service_name: target.into(),
            command_name: "Call".into(),
            payload: Some(Any::pack(&OtherRequest { id })),
            metadata: None,
        })
    }

    fn effect(&self, id: String, synchronous: bool) -> SideEffect {
        SideEffect {
            service_name: ActionTwo::NAME.into(),
            command_name: "Call".into(),
            payload: Some(Any::pack(&OtherRequest { id })),
            synchronous: match self.fault {
                Some(Fault::SynchronousEffects) => true,
                Some(Fault::AsynchronousEffects) => false,
                _ => synchronous,
            },
            metadata: self.has(Fault::EffectWithMetadata).then(Metadata::default),
        }
    }
}
