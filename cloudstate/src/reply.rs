//! What a handler answers, and what it starts elsewhere: replies, forwards and side effects.

use std::{fmt, marker::PhantomData};

use bytestring::ByteString;
use cloudstate_protocol::{Any, cloudstate as wire};
use prost::Message;

use crate::{
    Failure, Metadata, Rpc, Service,
    service::{StandsInFor, Unary},
};

/// A handler's answer: a message, a [`Forward`] to another rpc with the same response type, or a [`Failure`]; with side
/// effects and metadata.
///
/// A handler that only ever answers with a message returns the message itself; this type is for those that decide.
///
/// `S` says whether there may be no answer at all. A `Reply<T>` always is one; a [`MaybeReply<T>`](MaybeReply) may be
/// [`none`](Self::none), which actions and CRDT entities can do.
pub struct Reply<T, S: Silence = Always> {
    pub(crate) action: Action<T, S>,
    pub(crate) metadata: Metadata,
    pub(crate) effects: Vec<wire::SideEffect>,
}

/// A [`Reply`], or none: `MaybeReply::none()`.
pub type MaybeReply<T> = Reply<T, MaybeSilent>;

#[derive(Clone, Debug)]
pub(crate) enum Action<T, S> {
    Message(T),
    Forward(wire::Forward),
    Failure(Failure),
    None(S),
}

impl<T, S: Silence> Reply<T, S> {
    /// Answers with a message.
    pub fn message(message: T) -> Self {
        Self::new(Action::Message(message))
    }

    /// Hands the request on; the target's reply becomes the caller's.
    pub fn forward<R: Rpc<Response = T>>(forward: Forward<R>) -> Self
    where
        R::Shape: StandsInFor<Unary>,
    {
        Self::handed_on(forward)
    }

    /// As [`forward`](Self::forward), for callers that have checked the shape.
    pub(crate) fn handed_on<R: Rpc<Response = T>>(forward: Forward<R>) -> Self {
        Self::new(Action::Forward(forward.inner))
    }

    /// Refuses. An action's side effects are carried out nevertheless; an entity's are dropped, as all of a command
    /// that failed: there it is the same as returning `Err`.
    pub fn failure(failure: impl Into<Failure>) -> Self {
        Self::new(Action::Failure(failure.into()))
    }

    /// Adds a side effect, behind those that are there.
    #[must_use]
    pub fn effect(mut self, effect: SideEffect) -> Self {
        self.effects.push(effect.inner);
        self
    }

    /// Sends metadata along with a message; over gRPC and HTTP its text entries become response headers.
    ///
    /// A forward carries metadata of its own ([`Forward::metadata`]), a failure none; this is ignored for them.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    fn new(action: Action<T, S>) -> Self {
        Self {
            action,
            metadata: Metadata::default(),
            effects: Vec::new(),
        }
    }
}

impl<T> MaybeReply<T> {
    /// Answers nothing. Side effects are carried out.
    ///
    /// The caller of a unary rpc then receives an error, because gRPC has no call without an answer; of a stream, this
    /// element is left out.
    pub fn none() -> Self {
        Self::new(Action::None(MaybeSilent(())))
    }
}

impl<T> From<Reply<T>> for MaybeReply<T> {
    fn from(reply: Reply<T>) -> Self {
        let action = match reply.action {
            Action::Message(message) => Action::Message(message),
            Action::Forward(forward) => Action::Forward(forward),
            Action::Failure(failure) => Action::Failure(failure),
            Action::None(never) => match never {},
        };
        Self {
            action,
            metadata: reply.metadata,
            effects: reply.effects,
        }
    }
}

impl<T, S: Silence> From<T> for Reply<T, S> {
    fn from(message: T) -> Self {
        Self::message(message)
    }
}

impl<T: Clone, S: Silence> Clone for Reply<T, S> {
    fn clone(&self) -> Self {
        Self {
            action: self.action.clone(),
            metadata: self.metadata.clone(),
            effects: self.effects.clone(),
        }
    }
}

impl<T: fmt::Debug, S: Silence> fmt::Debug for Reply<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("action", &self.action)
            .field("metadata", &self.metadata)
            .field("effects", &self.effects)
            .finish()
    }
}

/// Whether a handler may answer nothing: [`Always`] or [`MaybeSilent`]. Sealed: there is nothing in between.
pub trait Silence: Clone + fmt::Debug + Send + Sync + 'static + sealed::Sealed {}

/// There is an answer.
#[derive(Clone, Copy, Debug)]
pub enum Always {}

/// There may be no answer.
#[derive(Clone, Copy, Debug)]
pub struct MaybeSilent(());

impl Silence for Always {}
impl Silence for MaybeSilent {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Always {}
    impl Sealed for super::MaybeSilent {}
}

/// The request, handed on to rpc `R`, whose response the caller receives.
///
/// Returned from a handler it compiles only if `R` answers with the handler's own response type, and with one message
/// where the handler's rpc does. An item of a stream may be forwarded to an rpc that answers with a stream: all its
/// responses then take the item's place. An rpc whose requests stream receives the one request.
#[derive(Clone, Debug)]
pub struct Forward<R: Rpc> {
    pub(crate) inner: wire::Forward,
    rpc: PhantomData<R>,
}

impl<R: Rpc> Forward<R> {
    /// Forwards `request` to an rpc, named by its marker: `Forward::to(pb::ShoppingCart::GetCart, request)`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the message is consumed by intent: it now belongs to the target"
    )]
    pub fn to(_rpc: R, request: R::Request) -> Self {
        let inner = wire::Forward {
            service_name: R::Service::NAME.into(),
            command_name: R::NAME.into(),
            payload: Some(request_payload::<R>(&request)),
            metadata: None,
        };
        Self {
            inner,
            rpc: PhantomData,
        }
    }

    /// Sends metadata along.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.inner.metadata = metadata.into_wire();
        self
    }
}

/// A command that runs because this one succeeded; its result never reaches the caller.
///
/// Effects are carried out in the order they were added, after the command's events are durable and before the reply
/// leaves. A synchronous effect is waited for; the others are started and left to themselves. The target may be an rpc of
/// any shape; one whose requests stream receives the one request.
#[derive(Clone, Debug)]
pub struct SideEffect {
    pub(crate) inner: wire::SideEffect,
}

impl SideEffect {
    /// An effect on an rpc, named by its marker: `SideEffect::to(pb::Mailbox::Notify, request)`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the message is consumed by intent: it now belongs to the target"
    )]
    pub fn to<R: Rpc>(_rpc: R, request: R::Request) -> Self {
        let inner = wire::SideEffect {
            service_name: R::Service::NAME.into(),
            command_name: R::NAME.into(),
            payload: Some(request_payload::<R>(&request)),
            synchronous: false,
            metadata: None,
        };
        Self { inner }
    }

    /// Makes the reply wait until the effect has been handled.
    #[must_use]
    pub fn synchronous(mut self) -> Self {
        self.inner.synchronous = true;
        self
    }

    /// Sends metadata along.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.inner.metadata = metadata.into_wire();
        self
    }
}

fn request_payload<R: Rpc>(request: &R::Request) -> Any {
    Any {
        type_url: ByteString::from_static(R::REQUEST_TYPE_URL),
        value: request.encode_to_vec().into(),
    }
}
