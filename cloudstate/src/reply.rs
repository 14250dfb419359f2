//! What a handler answers, and what it starts elsewhere: replies, forwards and side effects.

use std::marker::PhantomData;

use bytestring::ByteString;
use cloudstate_protocol::{Any, cloudstate as wire};
use prost::Message;

use crate::{Metadata, Rpc, Service};

/// A handler's answer: a message, or a [`Forward`] to another rpc with the same response type.
///
/// A handler that only ever answers with a message returns the message itself; this type is for those that decide.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    pub(crate) action: Action<T>,
    pub(crate) metadata: Metadata,
}

#[derive(Clone, Debug)]
pub(crate) enum Action<T> {
    Message(T),
    Forward(wire::Forward),
}

impl<T> Reply<T> {
    /// Answers with a message.
    pub fn message(message: T) -> Self {
        Self {
            action: Action::Message(message),
            metadata: Metadata::default(),
        }
    }

    /// Hands the request on; the target's reply becomes the caller's.
    pub fn forward<R: Rpc<Response = T>>(forward: Forward<R>) -> Self {
        Self {
            action: Action::Forward(forward.inner),
            metadata: Metadata::default(),
        }
    }

    /// Sends metadata along with a message; over gRPC and HTTP its text entries become response headers.
    ///
    /// A forward carries metadata of its own ([`Forward::metadata`]); this is ignored for it.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }
}

impl<T> From<T> for Reply<T> {
    fn from(message: T) -> Self {
        Self::message(message)
    }
}

/// The request, handed on to rpc `R`, whose response the caller receives.
///
/// Returned from a handler it compiles only if `R` answers with the handler's own response type.
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
/// leaves. A synchronous effect is waited for; the others are started and left to themselves.
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
