//! What a case asks of the model, and what it expects, in few words.

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Failure, Forward, Reply, SideEffect,
        client_action::Action as Answer,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamOut, event_sourced_stream_out::Message as Out,
        },
    },
};

use super::persisted;
use crate::pb::{
    Effect, Emit, EventSourcedTwo, Fail, Forward as ForwardTo, Request, RequestAction, Response,
    request_action::Action,
};

/// Emit an event with this value.
pub fn emit(value: &str) -> RequestAction {
    action(Action::Emit(Emit {
        value: value.into(),
    }))
}

/// Forward to this entity of the second service.
pub fn forward(id: &str) -> RequestAction {
    action(Action::Forward(ForwardTo { id: id.into() }))
}

/// Start an asynchronous side effect on this entity of the second service.
pub fn effect(id: &str) -> RequestAction {
    action(Action::Effect(Effect {
        id: id.into(),
        synchronous: false,
    }))
}

/// Start a synchronous side effect on this entity of the second service.
pub fn synchronous_effect(id: &str) -> RequestAction {
    action(Action::Effect(Effect {
        id: id.into(),
        synchronous: true,
    }))
}

/// Fail with this message.
pub fn fail(message: &str) -> RequestAction {
    action(Action::Fail(Fail {
        message: message.into(),
    }))
}

fn action(action: Action) -> RequestAction {
    RequestAction {
        action: Some(action),
    }
}

/// An `EventSourcedReply`, but for the id of the command that it answers.
#[derive(Clone, Debug)]
pub struct Expected(EventSourcedReply);

/// The model's answer: its state.
pub fn reply(state: &str) -> Expected {
    let response = Response {
        message: state.into(),
    };
    Expected::new(Answer::Reply(Reply {
        payload: Some(Any::pack(&response)),
        metadata: None,
    }))
}

/// A forward to this entity of the second service.
pub fn forwarded(id: &str) -> Expected {
    Expected::new(Answer::Forward(Forward {
        service_name: EventSourcedTwo::NAME.into(),
        command_name: "Call".into(),
        payload: Some(call(id)),
        metadata: None,
    }))
}

/// A failure with this description, which does not ask for a restart.
pub fn failed(description: &str) -> Expected {
    Expected::new(Answer::Failure(Failure {
        command_id: 0,
        description: description.into(),
        restart: false,
    }))
}

impl Expected {
    fn new(answer: Answer) -> Self {
        Self(EventSourcedReply {
            client_action: Some(ClientAction {
                action: Some(answer),
            }),
            ..EventSourcedReply::default()
        })
    }

    /// With these events.
    #[must_use]
    pub fn events<const N: usize>(mut self, values: [&str; N]) -> Self {
        self.0.events = values.map(persisted).into();
        self
    }

    /// With a snapshot of this state.
    #[must_use]
    pub fn snapshot(mut self, state: &str) -> Self {
        self.0.snapshot = Some(persisted(state));
        self
    }

    /// With asynchronous side effects on these entities of the second service.
    #[must_use]
    pub fn effects<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.0.side_effects = ids.map(|id| side_effect(id, false)).into();
        self
    }

    /// With synchronous side effects on these entities of the second service.
    #[must_use]
    pub fn synchronous_effects<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.0.side_effects = ids.map(|id| side_effect(id, true)).into();
        self
    }

    /// Asking for a restart of the entity, if it is a failure.
    #[must_use]
    pub fn restart(mut self, restart: bool) -> Self {
        if let Some(Answer::Failure(failure)) = self.answer() {
            failure.restart = restart;
        }
        self
    }

    /// The message that answers the command with this id.
    pub fn to(&self, command_id: i64) -> EventSourcedStreamOut {
        let mut expected = self.clone();
        expected.0.command_id = command_id;
        if let Some(Answer::Failure(failure)) = expected.answer() {
            failure.command_id = command_id;
        }
        EventSourcedStreamOut {
            message: Some(Out::Reply(expected.0)),
        }
    }

    fn answer(&mut self) -> Option<&mut Answer> {
        self.0.client_action.as_mut()?.action.as_mut()
    }
}

fn side_effect(id: &str, synchronous: bool) -> SideEffect {
    SideEffect {
        service_name: EventSourcedTwo::NAME.into(),
        command_name: "Call".into(),
        payload: Some(call(id)),
        synchronous,
        metadata: None,
    }
}

fn call(id: &str) -> Any {
    Any::pack(&Request {
        id: id.into(),
        actions: Vec::new(),
    })
}
