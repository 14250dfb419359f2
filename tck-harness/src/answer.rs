//! What the commands of all stateful entities, and the answers to them, have in common.

use cloudstate::{Rpc, Service};
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Failure, Forward, Reply, SideEffect, client_action::Action,
    },
};
use prost::Name;

/// A command as a proxy sends it: without metadata, and not streamed.
pub fn command<R: Rpc>(_: R, entity_id: &str, id: i64, request: &R::Request) -> Command
where
    R::Request: Name,
{
    Command {
        entity_id: entity_id.into(),
        id,
        name: R::NAME.into(),
        payload: Some(Any::pack(request)),
        streamed: false,
        metadata: None,
    }
}

/// An expected answer to a command, but for the command's id and for what its kind of entity adds.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the caller gets; the id in a failure is set by [`to`](Self::to).
    pub action: Action,
    /// In order.
    pub side_effects: Vec<SideEffect>,
}

impl Answer {
    /// A reply with this message.
    pub fn reply(response: &impl Name) -> Self {
        Self::new(Action::Reply(reply(response)))
    }

    /// A forward of this request.
    pub fn forward<R: Rpc>(rpc: R, request: &R::Request) -> Self
    where
        R::Request: Name,
    {
        Self::new(Action::Forward(forward(rpc, request)))
    }

    /// A failure, which does not ask for a restart.
    pub fn failure(description: &str) -> Self {
        Self::new(Action::Failure(failure(description)))
    }

    fn new(action: Action) -> Self {
        Self {
            action,
            side_effects: Vec::new(),
        }
    }

    /// The action that answers the command with this id.
    pub fn to(&self, command_id: i64) -> ClientAction {
        let mut action = self.action.clone();
        if let Action::Failure(failure) = &mut action {
            failure.command_id = command_id;
        }
        ClientAction {
            action: Some(action),
        }
    }
}

/// A reply with this message, without metadata.
pub fn reply(response: &impl Name) -> Reply {
    Reply {
        payload: Some(Any::pack(response)),
        metadata: None,
    }
}

/// A forward of this request, without metadata.
pub fn forward<R: Rpc>(_: R, request: &R::Request) -> Forward
where
    R::Request: Name,
{
    Forward {
        service_name: R::Service::NAME.into(),
        command_name: R::NAME.into(),
        payload: Some(Any::pack(request)),
        metadata: None,
    }
}

/// A failure of no command in particular, which does not ask for a restart.
pub fn failure(description: &str) -> Failure {
    Failure {
        command_id: 0,
        description: description.into(),
        restart: false,
    }
}

/// A side effect with this request, without metadata.
pub fn side_effect<R: Rpc>(_: R, request: &R::Request, synchronous: bool) -> SideEffect
where
    R::Request: Name,
{
    SideEffect {
        service_name: R::Service::NAME.into(),
        command_name: R::NAME.into(),
        payload: Some(Any::pack(request)),
        synchronous,
        metadata: None,
    }
}
