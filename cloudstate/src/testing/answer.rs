//! What a command led to beside its change of the state: the answer, and what it starts elsewhere.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::cloudstate::{self as wire, client_action::Action};
use prost::Message;

use super::Stored;
use crate::{Any, Metadata, Rpc, Service};

/// The answer to a command of rpc `R`.
///
/// Its methods take what the test expects, and panic with what there is instead.
pub struct Answer<R: Rpc> {
    kind: Kind<R>,
    effects: Vec<Started>,
}

enum Kind<R: Rpc> {
    Reply(R::Response, Metadata),
    Forward(Started),
    Failure(String),
    Defect(String),
    Nothing,
}

impl<R: Rpc> Answer<R> {
    /// Reads what a user function has answered.
    pub(super) fn new(action: Option<Action>, effects: Vec<wire::SideEffect>) -> Self {
        let kind = match action {
            Some(Action::Reply(reply)) => {
                let payload = reply.payload.unwrap_or_default();
                match R::Response::decode(payload.value) {
                    Ok(response) => Kind::Reply(response, Metadata::from_wire(reply.metadata)),
                    Err(error) => Kind::Defect(format!("the reply cannot be read back: {error}")),
                }
            }
            Some(Action::Forward(forward)) => Kind::Forward(forward.into()),
            Some(Action::Failure(failure)) => Kind::Failure(failure.description),
            None => Kind::Nothing,
        };
        let effects = effects.into_iter().map(Started::from).collect();
        Self { kind, effects }
    }

    /// The entity broke down instead of answering.
    pub(super) fn broken(text: String) -> Self {
        Self {
            kind: Kind::Defect(text),
            effects: Vec::new(),
        }
    }

    /// The reply.
    ///
    /// # Panics
    /// There is none: the handler refused, forwarded or panicked.
    #[track_caller]
    pub fn reply(&self) -> &R::Response {
        match &self.kind {
            Kind::Reply(reply, _) => reply,
            _ => panic!("expected a reply, and {self:?}"),
        }
    }

    /// The metadata of the reply.
    ///
    /// # Panics
    /// There is no reply.
    #[track_caller]
    pub fn metadata(&self) -> &Metadata {
        match &self.kind {
            Kind::Reply(_, metadata) => metadata,
            _ => panic!("expected a reply, and {self:?}"),
        }
    }

    /// Text of the handler's refusal.
    ///
    /// # Panics
    /// The handler did not refuse.
    #[track_caller]
    pub fn failure(&self) -> &str {
        match &self.kind {
            Kind::Failure(text) => text,
            _ => panic!("expected a failure, and {self:?}"),
        }
    }

    /// What the entity's panic said, or what else broke it down.
    ///
    /// # Panics
    /// There was no defect.
    #[track_caller]
    pub fn defect(&self) -> &str {
        match &self.kind {
            Kind::Defect(text) => text,
            _ => panic!("expected a defect, and {self:?}"),
        }
    }

    /// The request that was forwarded to rpc `X`.
    ///
    /// # Panics
    /// Nothing was forwarded, or to another rpc.
    #[track_caller]
    pub fn forward<X: Rpc<Response = R::Response>>(&self, rpc: X) -> X::Request {
        match &self.kind {
            Kind::Forward(forward) => forward.request(rpc),
            _ => panic!("expected a forward, and {self:?}"),
        }
    }

    /// Whether there is a reply.
    pub fn is_reply(&self) -> bool {
        matches!(self.kind, Kind::Reply(..))
    }

    /// Whether the handler refused.
    pub fn is_failure(&self) -> bool {
        matches!(self.kind, Kind::Failure(_))
    }

    /// Whether the entity broke down.
    pub fn is_defect(&self) -> bool {
        matches!(self.kind, Kind::Defect(_))
    }

    /// Whether there is neither a reply nor a forward, a failure or a defect.
    pub fn is_silent(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// The side effects, in order.
    pub fn effects(&self) -> &[Started] {
        &self.effects
    }
}

impl<R: Rpc> fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = R::NAME;
        match &self.kind {
            Kind::Reply(reply, _) => write!(f, "{name} replied {:?}", stored::<R>(reply)),
            Kind::Forward(forward) => write!(f, "{name} forwarded to {}", forward.target()),
            Kind::Failure(text) => write!(f, "{name} failed: {text}"),
            Kind::Defect(text) => write!(f, "{name} broke the entity down: {text}"),
            Kind::Nothing => write!(f, "{name} answered nothing"),
        }
    }
}

/// A reply in a form that can be shown, whatever its type implements.
fn stored<R: Rpc>(reply: &R::Response) -> Stored {
    Stored::new(Any {
        type_url: ByteString::from_static(R::RESPONSE_TYPE_URL),
        value: reply.encode_to_vec().into(),
    })
}

/// A command that a handler has started elsewhere: a side effect, or a forward.
#[derive(Clone, PartialEq)]
pub struct Started {
    service: String,
    command: String,
    payload: Bytes,
    metadata: Metadata,
    synchronous: bool,
}

impl Started {
    /// Whether it goes to this rpc.
    pub fn is_to<X: Rpc>(&self, _rpc: X) -> bool {
        self.service == X::Service::NAME && self.command == X::NAME
    }

    /// Its request, where it goes to this rpc: `effect.request(pb::Mailbox::Notify)`.
    ///
    /// # Panics
    /// It goes to another rpc.
    #[track_caller]
    pub fn request<X: Rpc>(&self, rpc: X) -> X::Request {
        assert!(
            self.is_to(rpc),
            "expected a command to {}/{}, and it goes to {}",
            X::Service::NAME,
            X::NAME,
            self.target()
        );
        match X::Request::decode(self.payload.clone()) {
            Ok(request) => request,
            Err(error) => panic!("the request to {} is garbled: {error}", self.target()),
        }
    }

    /// Whether the reply waits for it.
    pub fn is_synchronous(&self) -> bool {
        self.synchronous
    }

    /// The metadata that goes with it.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn target(&self) -> String {
        format!("{}/{}", self.service, self.command)
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Started({})", self.target())
    }
}

impl From<wire::SideEffect> for Started {
    fn from(effect: wire::SideEffect) -> Self {
        Self {
            service: effect.service_name,
            command: effect.command_name,
            payload: effect.payload.unwrap_or_default().value,
            metadata: Metadata::from_wire(effect.metadata),
            synchronous: effect.synchronous,
        }
    }
}

impl From<wire::Forward> for Started {
    fn from(forward: wire::Forward) -> Self {
        Self {
            service: forward.service_name,
            command: forward.command_name,
            payload: forward.payload.unwrap_or_default().value,
            metadata: Metadata::from_wire(forward.metadata),
            synchronous: false,
        }
    }
}
