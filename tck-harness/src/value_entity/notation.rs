//! What a case asks of the model, and what it expects, in few words.

use cloudstate_protocol::cloudstate::valueentity::{
    ValueEntityAction, ValueEntityDelete, ValueEntityReply, ValueEntityStreamOut,
    ValueEntityUpdate, value_entity_action::Action as StateAction,
    value_entity_stream_out::Message as Out,
};

use super::persisted;
use crate::{
    answer::{Answer, side_effect},
    pb::valueentity::{
        Delete, Effect, Fail, Forward, Request, RequestAction, Response, Update, ValueEntityTwo,
        request_action::Action,
    },
};

/// Make this value the state.
pub fn update(value: &str) -> RequestAction {
    action(Action::Update(Update {
        value: value.into(),
    }))
}

/// Delete the state.
pub fn delete() -> RequestAction {
    action(Action::Delete(Delete {}))
}

/// Forward to this entity of the second service.
pub fn forward(id: &str) -> RequestAction {
    action(Action::Forward(Forward { id: id.into() }))
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

/// A `ValueEntityReply`, but for the id of the command that it answers.
#[derive(Clone, Debug)]
pub struct Expected {
    answer: Answer,
    state_action: Option<ValueEntityAction>,
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
    Answer::forward(ValueEntityTwo::Call, &call(id)).into()
}

/// A failure with this description.
pub fn failed(description: &str) -> Expected {
    Answer::failure(description).into()
}

impl From<Answer> for Expected {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            state_action: None,
        }
    }
}

impl Expected {
    /// With this state to be stored.
    #[must_use]
    pub fn update(self, state: &str) -> Self {
        let value = Some(persisted(state));
        self.state_action(StateAction::Update(ValueEntityUpdate { value }))
    }

    /// With the stored state to be deleted.
    #[must_use]
    pub fn delete(self) -> Self {
        self.state_action(StateAction::Delete(ValueEntityDelete {}))
    }

    fn state_action(mut self, action: StateAction) -> Self {
        let action = Some(action);
        self.state_action = Some(ValueEntityAction { action });
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
            let effect = side_effect(ValueEntityTwo::Call, &call(id), synchronous);
            self.answer.side_effects.push(effect);
        }
        self
    }

    /// The message that answers the command with this id.
    pub fn to(&self, command_id: i64) -> ValueEntityStreamOut {
        ValueEntityStreamOut {
            message: Some(Out::Reply(ValueEntityReply {
                command_id,
                client_action: Some(self.answer.to(command_id)),
                side_effects: self.answer.side_effects.clone(),
                state_action: self.state_action.clone(),
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
