//! What a case asks of the model, and what it expects, in few words.

use cloudstate_protocol::{
    Any,
    cloudstate::{
        client_action::Action,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamOut, event_sourced_stream_out::Message as Out,
        },
    },
};

use super::persisted;
use crate::{
    answer::{Answer, side_effect},
    pb::{
        Effect, Emit, EventSourcedTwo, Fail, Forward as ForwardTo, Request, RequestAction,
        Response, request_action,
    },
};

/// Emit an event with this value.
pub fn emit(value: &str) -> RequestAction {
    action(request_action::Action::Emit(Emit {
        value: value.into(),
    }))
}

/// Forward to this entity of the second service.
pub fn forward(id: &str) -> RequestAction {
    action(request_action::Action::Forward(ForwardTo { id: id.into() }))
}

/// Start an asynchronous side effect on this entity of the second service.
pub fn effect(id: &str) -> RequestAction {
    action(request_action::Action::Effect(Effect {
        id: id.into(),
        synchronous: false,
    }))
}

/// Start a synchronous side effect on this entity of the second service.
pub fn synchronous_effect(id: &str) -> RequestAction {
    action(request_action::Action::Effect(Effect {
        id: id.into(),
        synchronous: true,
    }))
}

/// Fail with this message.
pub fn fail(message: &str) -> RequestAction {
    action(request_action::Action::Fail(Fail {
        message: message.into(),
    }))
}

fn action(action: request_action::Action) -> RequestAction {
    RequestAction {
        action: Some(action),
    }
}

/// An `EventSourcedReply`, but for the id of the command that it answers.
#[derive(Clone, Debug)]
pub struct Expected {
    answer: Answer,
    events: Vec<Any>,
    snapshot: Option<Any>,
}

/// The model's answer: its state.
pub fn reply(state: &str) -> Expected {
    Answer::reply(&Response {
        message: state.into(),
    })
    .into()
}

/// A forward to this entity of the second service.
pub fn forwarded(id: &str) -> Expected {
    Answer::forward(EventSourcedTwo::Call, &call(id)).into()
}

/// A failure with this description, which does not ask for a restart.
pub fn failed(description: &str) -> Expected {
    Answer::failure(description).into()
}

impl From<Answer> for Expected {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            events: Vec::new(),
            snapshot: None,
        }
    }
}

impl Expected {
    /// With these events.
    #[must_use]
    pub fn events<const N: usize>(mut self, values: [&str; N]) -> Self {
        self.events = values.map(persisted).into();
        self
    }

    /// With a snapshot of this state.
    #[must_use]
    pub fn snapshot(mut self, state: &str) -> Self {
        self.snapshot = Some(persisted(state));
        self
    }

    /// With asynchronous side effects on these entities of the second service.
    #[must_use]
    pub fn effects<const N: usize>(self, ids: [&str; N]) -> Self {
        self.with_effects(ids, false)
    }

    /// With synchronous side effects on these entities of the second service.
    #[must_use]
    pub fn synchronous_effects<const N: usize>(self, ids: [&str; N]) -> Self {
        self.with_effects(ids, true)
    }

    fn with_effects<const N: usize>(mut self, ids: [&str; N], synchronous: bool) -> Self {
        for id in ids {
            let effect = side_effect(EventSourcedTwo::Call, &call(id), synchronous);
            self.answer.side_effects.push(effect);
        }
        self
    }

    /// Asking for a restart of the entity, if it is a failure.
    #[must_use]
    pub fn restart(mut self, restart: bool) -> Self {
        if let Action::Failure(failure) = &mut self.answer.action {
            failure.restart = restart;
        }
        self
    }

    /// The message that answers the command with this id.
    pub fn to(&self, command_id: i64) -> EventSourcedStreamOut {
        EventSourcedStreamOut {
            message: Some(Out::Reply(EventSourcedReply {
                command_id,
                client_action: Some(self.answer.to(command_id)),
                side_effects: self.answer.side_effects.clone(),
                events: self.events.clone(),
                snapshot: self.snapshot.clone(),
            })),
        }
    }
}

fn call(id: &str) -> Request {
    Request {
        id: id.into(),
        actions: Vec::new(),
    }
}
