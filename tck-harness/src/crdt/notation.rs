//! What a case asks of the model besides updates, and what it expects, in few words.

use cloudstate_protocol::cloudstate::{
    ClientAction, SideEffect,
    client_action::Action as Answer,
    crdt::{
        CrdtDelete, CrdtDelta, CrdtReply, CrdtStateAction, CrdtStreamCancelledResponse,
        CrdtStreamOut, CrdtStreamedMessage, CrdtWriteConsistency,
        crdt_state_action::Action as StateAction, crdt_stream_out::Message as Out,
    },
};

use super::step::Wanted;
use crate::{
    answer,
    pb::crdt::{
        CrdtTwo, Delete, Effect, Fail, Forward as ForwardTo, Request, RequestAction, Response,
        State, request_action::Action,
    },
};

/// Delete the CRDT.
pub fn delete() -> RequestAction {
    action(Action::Delete(Delete {}))
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

/// What is expected of the service, but for the id of the command that it belongs to.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    answer: Option<Answer>,
    side_effects: Vec<SideEffect>,
    state_action: Option<CrdtStateAction>,
    ends_stream: bool,
    in_any_order: bool,
}

/// The model's answer: its state.
pub fn reply(state: State) -> Expected {
    let response = Response { state: Some(state) };
    Expected::new(Answer::Reply(answer::reply(&response)))
}

/// The answer of the other services: a response without a state.
pub fn empty_reply() -> Expected {
    Expected::new(Answer::Reply(answer::reply(&Response::default())))
}

/// No answer to the caller.
pub fn nothing() -> Expected {
    Expected::default()
}

/// A forward to this entity of the second service.
pub fn forwarded(id: &str) -> Expected {
    Expected::new(Answer::Forward(answer::forward(CrdtTwo::Call, &call(id))))
}

/// A failure with this description, which does not ask for a restart.
pub fn failed(description: &str) -> Expected {
    Expected::new(Answer::Failure(answer::failure(description)))
}

impl Expected {
    fn new(answer: Answer) -> Self {
        Self {
            answer: Some(answer),
            ..Self::default()
        }
    }

    /// With this change of the CRDT, on this node before the reply leaves.
    #[must_use]
    pub fn changed(self, delta: CrdtDelta) -> Self {
        self.changed_on(CrdtWriteConsistency::Local, delta)
    }

    /// With this change of the CRDT, on so many nodes before the reply leaves.
    #[must_use]
    pub fn changed_on(self, nodes: CrdtWriteConsistency, delta: CrdtDelta) -> Self {
        self.acting(nodes, StateAction::Update(delta))
    }

    /// With the deletion of the CRDT.
    #[must_use]
    pub fn deleted(self) -> Self {
        self.acting(
            CrdtWriteConsistency::Local,
            StateAction::Delete(CrdtDelete {}),
        )
    }

    fn acting(mut self, nodes: CrdtWriteConsistency, action: StateAction) -> Self {
        self.state_action = Some(CrdtStateAction {
            write_consistency: nodes.into(),
            action: Some(action),
        });
        self
    }

    /// Whatever the order in which the change lists elements and entries.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.in_any_order = true;
        self
    }

    /// With further side effects, asynchronous, on these entities of the second service.
    #[must_use]
    pub fn effects<const N: usize>(mut self, ids: [&str; N]) -> Self {
        let effects = ids.map(|id| side_effect(id, false));
        self.side_effects.extend(effects);
        self
    }

    /// With further side effects, synchronous, on these entities of the second service.
    #[must_use]
    pub fn synchronous_effects<const N: usize>(mut self, ids: [&str; N]) -> Self {
        let effects = ids.map(|id| side_effect(id, true));
        self.side_effects.extend(effects);
        self
    }

    /// Ending the stream, if it is a message on one.
    #[must_use]
    pub fn ending(mut self) -> Self {
        self.ends_stream = true;
        self
    }

    /// The reply to the command with this id.
    pub fn to(self, command_id: i64) -> CrdtStreamOut {
        self.into_reply(command_id, false).message
    }

    /// The first reply to the streamed command with this id.
    pub fn to_streamed(self, command_id: i64) -> CrdtStreamOut {
        self.into_reply(command_id, true).message
    }

    /// A further message for the streamed command with this id.
    pub fn message(self, command_id: i64) -> CrdtStreamOut {
        self.into_streamed(command_id).message
    }

    /// The answer to the cancellation of the streamed command with this id.
    pub fn cancellation(self, command_id: i64) -> CrdtStreamOut {
        self.into_cancelled(command_id).message
    }

    /// As the reply to a command; a `streamed` one keeps the command open.
    pub(super) fn into_reply(self, command_id: i64, streamed: bool) -> Wanted {
        Wanted::new(
            self.in_any_order,
            Out::Reply(CrdtReply {
                command_id,
                client_action: client_action(self.answer, command_id),
                side_effects: self.side_effects,
                state_action: self.state_action,
                streamed,
            }),
        )
    }

    /// As a further message for a streamed command.
    pub(super) fn into_streamed(self, command_id: i64) -> Wanted {
        Wanted::new(
            self.in_any_order,
            Out::StreamedMessage(CrdtStreamedMessage {
                command_id,
                client_action: client_action(self.answer, command_id),
                side_effects: self.side_effects,
                end_stream: self.ends_stream,
            }),
        )
    }

    /// As the answer to the cancellation of a streamed command.
    pub(super) fn into_cancelled(self, command_id: i64) -> Wanted {
        Wanted::new(
            self.in_any_order,
            Out::StreamCancelledResponse(CrdtStreamCancelledResponse {
                command_id,
                side_effects: self.side_effects,
                state_action: self.state_action,
            }),
        )
    }
}

fn client_action(answer: Option<Answer>, command_id: i64) -> Option<ClientAction> {
    let mut answer = answer?;
    if let Answer::Failure(failure) = &mut answer {
        failure.command_id = command_id;
    }
    Some(ClientAction {
        action: Some(answer),
    })
}

fn side_effect(id: &str, synchronous: bool) -> SideEffect {
    answer::side_effect(CrdtTwo::Call, &call(id), synchronous)
}

fn call(id: &str) -> Request {
    Request {
        id: id.into(),
        actions: Vec::new(),
    }
}
