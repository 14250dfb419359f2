//! What a case asks of the model, and what it expects, in few words.

use cloudstate_protocol::cloudstate::{
    SideEffect,
    action::{ActionResponse, action_response::Response as Outcome},
};

use crate::{
    answer,
    pb::action::{
        ActionTwo, Fail, Forward, OtherRequest, ProcessGroup, ProcessStep, Reply, Request,
        Response, SideEffect as Effect, process_step::Step,
    },
};

/// A request with these groups.
pub fn request<const N: usize>(groups: [ProcessGroup; N]) -> Request {
    Request {
        groups: groups.into(),
    }
}

/// Steps that make one response.
pub fn group(steps: impl IntoIterator<Item = ProcessStep>) -> ProcessGroup {
    ProcessGroup {
        steps: steps.into_iter().collect(),
    }
}

/// Reply with this message.
pub fn reply(message: &str) -> ProcessStep {
    step(Step::Reply(Reply {
        message: message.into(),
    }))
}

/// Forward to the second service with this id.
pub fn forward(id: &str) -> ProcessStep {
    step(Step::Forward(Forward { id: id.into() }))
}

/// Fail with this message.
pub fn fail(message: &str) -> ProcessStep {
    step(Step::Fail(Fail {
        message: message.into(),
    }))
}

/// Start an asynchronous side effect on the second service with this id.
pub fn effect(id: &str) -> ProcessStep {
    step(Step::Effect(Effect {
        id: id.into(),
        synchronous: false,
    }))
}

/// Start a synchronous side effect on the second service with this id.
pub fn synchronous_effect(id: &str) -> ProcessStep {
    step(Step::Effect(Effect {
        id: id.into(),
        synchronous: true,
    }))
}

fn step(step: Step) -> ProcessStep {
    ProcessStep { step: Some(step) }
}

/// An `ActionResponse`.
#[derive(Clone, Debug)]
pub struct Expected(ActionResponse);

/// A reply with this message.
pub fn replied(message: &str) -> Expected {
    Expected::new(Some(Outcome::Reply(answer::reply(&Response {
        message: message.into(),
    }))))
}

/// Nothing for the caller.
pub fn no_reply() -> Expected {
    Expected::new(None)
}

/// A forward to the second service with this id.
pub fn forwarded(id: &str) -> Expected {
    let forward = answer::forward(ActionTwo::Call, &call(id));
    Expected::new(Some(Outcome::Forward(forward)))
}

/// A failure with this description.
pub fn failed(description: &str) -> Expected {
    Expected::new(Some(Outcome::Failure(answer::failure(description))))
}

impl Expected {
    fn new(response: Option<Outcome>) -> Self {
        Self(ActionResponse {
            side_effects: Vec::new(),
            response,
        })
    }

    /// With these asynchronous side effects on the second service, behind those that it has.
    #[must_use]
    pub fn effects<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.0.side_effects.extend(ids.map(|id| on_two(id, false)));
        self
    }

    /// With these synchronous side effects on the second service, behind those that it has.
    #[must_use]
    pub fn synchronous_effects<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.0.side_effects.extend(ids.map(|id| on_two(id, true)));
        self
    }
}

impl From<Expected> for ActionResponse {
    fn from(expected: Expected) -> Self {
        expected.0
    }
}

fn on_two(id: &str, synchronous: bool) -> SideEffect {
    answer::side_effect(ActionTwo::Call, &call(id), synchronous)
}

fn call(id: &str) -> OtherRequest {
    OtherRequest { id: id.into() }
}
