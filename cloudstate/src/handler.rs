//! How a command's parts become a handler's arguments, and its result a reply.

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::{Any, cloudstate as wire};
use prost::Message;

pub use crate::reply::{Always, MaybeSilent, Silence};
use crate::{
    CloudEvent, Context, Entity, EntityId, Failure, Forward, Metadata, Reply, Rpc, SideEffect,
    kind::PermittedBy,
    reply::Action,
    service::{StandsInFor, Unary},
};

/// A command on its way to its handler.
#[derive(Debug)]
pub struct Command {
    pub(crate) name: &'static str,
    pub(crate) payload: Bytes,
}

impl Command {
    /// Whether it is a command of this rpc.
    pub fn is<R: Rpc>(&self, _rpc: R) -> bool {
        self.name == R::NAME
    }
}

/// What became of a command.
#[derive(Debug)]
pub enum Handled {
    /// No handler has this name.
    Unknown,
    /// The payload is not the request message of the rpc.
    Undecodable(prost::DecodeError),
    /// The handler succeeded. It has answered unless its kind need not.
    Done(Option<wire::ClientAction>),
    /// The handler refused.
    Failed(Failure),
}

/// The parts of a call from which a handler of `R` takes its arguments.
///
/// `T` is what it is addressed to: the [`EntityId`] of an entity, or an action.
#[derive(Debug)]
pub struct Call<R: Rpc, T> {
    pub(crate) request: Option<R::Request>,
    pub(crate) metadata: Metadata,
    pub(crate) target: T,
}

impl<R: Rpc, T> Call<R, T> {
    /// An argument of the handler.
    pub fn take<A: HandlerArg<R, T>>(&mut self) -> A {
        A::take(self)
    }

    /// The request; a second handler argument of its type receives an empty one, which the macros rule out.
    pub fn take_request(&mut self) -> R::Request {
        self.request.take().unwrap_or_default()
    }
}

/// A type that a handler of rpc `R` can take as an argument.
#[diagnostic::on_unimplemented(
    message = "a handler of `{R}` cannot take `{Self}`",
    label = "not an argument of this handler",
    note = "a handler takes, in any order and each at most once: the rpc's request message (`Incoming` of it where the \
            requests stream), `Metadata`, `Option<CloudEvent>`; of an action beside these `&self`, of an entity \
            `EntityId`, and `&self` or `&mut Context<Self>`"
)]
pub trait HandlerArg<R: Rpc, T>: Sized {
    /// Takes the argument from the call.
    fn take(call: &mut Call<R, T>) -> Self;
}

impl<R: Rpc> HandlerArg<R, EntityId> for EntityId {
    fn take(call: &mut Call<R, EntityId>) -> Self {
        call.target.clone()
    }
}

impl<R: Rpc, T> HandlerArg<R, T> for Metadata {
    fn take(call: &mut Call<R, T>) -> Self {
        call.metadata.clone()
    }
}

impl<R: Rpc, T> HandlerArg<R, T> for Option<CloudEvent> {
    fn take(call: &mut Call<R, T>) -> Self {
        call.metadata.cloud_event()
    }
}

/// A type that a handler of rpc `R` can return.
#[diagnostic::on_unimplemented(
    message = "a handler of `{R}` cannot return `{Self}`",
    label = "not a reply of this rpc",
    note = "a handler returns the rpc's response message (`()` for google.protobuf.Empty), a `Reply` of it, a `Forward` \
            to an rpc with the same response, or a `Result` of one of these with an error that is `Into<Failure>`"
)]
pub trait IntoReply<R: Rpc> {
    /// [`Always`], or [`MaybeSilent`] where there may be no answer.
    type Silence: Silence;

    /// The reply.
    fn into_reply(self) -> Reply<R::Response, Self::Silence>;
}

impl<R: Rpc, S: Silence> IntoReply<R> for Reply<R::Response, S> {
    type Silence = S;

    fn into_reply(self) -> Reply<R::Response, S> {
        self
    }
}

impl<R: Rpc, X: Rpc<Response = R::Response>> IntoReply<R> for Forward<X>
where
    X::Shape: StandsInFor<R::Shape>,
{
    type Silence = Always;

    fn into_reply(self) -> Reply<R::Response> {
        Reply::handed_on(self)
    }
}

impl<R: Rpc, T: IntoReply<R>, E: Into<Failure>> IntoReply<R> for Result<T, E> {
    type Silence = T::Silence;

    fn into_reply(self) -> Reply<R::Response, T::Silence> {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(failure) => Reply::failure(failure),
        }
    }
}

/// Decodes the request, runs the handler and encodes its answer.
pub fn unary<E, R, T>(
    _rpc: R,
    context: &mut Context<E>,
    command: Command,
    handler: impl FnOnce(&mut Context<E>, &mut Call<R, EntityId>) -> T,
) -> Handled
where
    E: Entity,
    R: Rpc<Shape = Unary>,
    T: IntoReply<R>,
    T::Silence: PermittedBy<E::Kind>,
{
    call(command, context, |context, call| {
        let reply = handler(context, call).into_reply();
        answer::<E, R, _>(context, reply)
    })
}

/// Decodes the request, and lets `handle` run the handler.
pub(crate) fn call<E: Entity, R: Rpc>(
    command: Command,
    context: &mut Context<E>,
    handle: impl FnOnce(&mut Context<E>, &mut Call<R, EntityId>) -> Handled,
) -> Handled {
    let request = match R::Request::decode(command.payload) {
        Ok(request) => request,
        Err(error) => return Handled::Undecodable(error),
    };
    let mut call = Call {
        request: Some(request),
        metadata: context.metadata().clone(),
        target: context.entity_id().clone(),
    };
    handle(context, &mut call)
}

/// A handler's reply, encoded; its effects become the command's.
pub(crate) fn answer<E: Entity, R: Rpc, S: Silence>(
    context: &mut Context<E>,
    reply: Reply<R::Response, S>,
) -> Handled {
    for inner in reply.effects {
        context.effect(SideEffect { inner });
    }
    let action = match reply.action {
        Action::Message(message) => wire::client_action::Action::Reply(wire::Reply {
            payload: Some(response_payload::<R>(&message)),
            metadata: reply.metadata.into_wire(),
        }),
        Action::Forward(forward) => wire::client_action::Action::Forward(forward),
        Action::Failure(failure) => return Handled::Failed(failure),
        Action::None(_) => return Handled::Done(None),
    };
    Handled::Done(Some(wire::ClientAction {
        action: Some(action),
    }))
}

/// A response as it travels.
pub(crate) fn response_payload<R: Rpc>(message: &R::Response) -> Any {
    Any {
        type_url: ByteString::from_static(R::RESPONSE_TYPE_URL),
        value: message.encode_to_vec().into(),
    }
}
