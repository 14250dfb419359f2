//! What a command led to, in a CRDT entity under test.

use std::ops::Deref;

use cloudstate_protocol::cloudstate::{
    ClientAction, Failure, SideEffect,
    client_action::Action,
    crdt::{CrdtReply, CrdtStateAction, crdt_state_action::Action as StateAction},
};

use crate::{Rpc, testing::Answer};

/// What a command of rpc `R` led to in a CRDT entity. It dereferences to the [`Answer`].
#[derive(Debug)]
pub struct CrdtOutcome<R: Rpc> {
    answer: Answer<R>,
    pub(super) command: i64,
    pub(super) action: Option<CrdtStateAction>,
}

impl<R: Rpc> CrdtOutcome<R> {
    pub(super) fn new(command: i64, reply: CrdtReply) -> Self {
        Self {
            answer: answer(reply.client_action, reply.side_effects),
            command,
            action: reply.state_action,
        }
    }

    pub(super) fn broken(command: i64, defect: String) -> Self {
        Self {
            answer: Answer::broken(defect),
            command,
            action: None,
        }
    }

    pub(super) fn refused(command: i64, text: &str) -> Self {
        let failure = Failure {
            description: text.into(),
            ..Failure::default()
        };
        Self {
            answer: Answer::new(Some(Action::Failure(failure)), Vec::new()),
            command,
            action: None,
        }
    }

    /// Whether the command has left the value as it was.
    pub fn is_unchanged(&self) -> bool {
        self.action.is_none()
    }

    /// Whether the command has deleted the entity.
    pub fn is_deleted(&self) -> bool {
        let action = self.action.as_ref();
        matches!(
            action.and_then(|action| action.action.as_ref()),
            Some(StateAction::Delete(_))
        )
    }

    /// The nodes that must have the change before the reply leaves.
    pub fn write_consistency(&self) -> crate::WriteConsistency {
        use cloudstate_protocol::cloudstate::crdt::CrdtWriteConsistency as Wire;
        match self.action.as_ref().map(CrdtStateAction::write_consistency) {
            None | Some(Wire::Local) => crate::WriteConsistency::Local,
            Some(Wire::Majority) => crate::WriteConsistency::Majority,
            Some(Wire::All) => crate::WriteConsistency::All,
        }
    }
}

impl<R: Rpc> Deref for CrdtOutcome<R> {
    type Target = Answer<R>;

    fn deref(&self) -> &Answer<R> {
        &self.answer
    }
}

pub(super) fn answer<R: Rpc>(action: Option<ClientAction>, effects: Vec<SideEffect>) -> Answer<R> {
    Answer::new(action.and_then(|action| action.action), effects)
}
