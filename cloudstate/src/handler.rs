//! How a command's parts become a handler's arguments, and its result a reply.

use bytes::Bytes;
use cloudstate_protocol::cloudstate as wire;
use prost::Message;

use crate::{
    CloudEvent, Context, Entity, EntityId, Failure, Forward, Metadata, Reply, Rpc, reply::Action,
    service::Unary,
};

/// A command on its way to its handler.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) name: &'static str,
    pub(crate) payload: Bytes,
}

impl Incoming {
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
    /// The handler answered.
    Done(wire::client_action::Action),
    /// The handler refused.
    Failed(Failure),
}

/// The parts of a command from which a handler of `R` takes its arguments.
#[derive(Debug)]
pub struct Call<'a, R: Rpc> {
    request: Option<R::Request>,
    metadata: Metadata,
    entity_id: &'a EntityId,
}

impl<R: Rpc> Call<'_, R> {
    /// The request; a second handler argument of its type receives an empty one, which the macros rule out.
    pub fn take_request(&mut self) -> R::Request {
        self.request.take().unwrap_or_default()
    }
}

/// A type that a handler of rpc `R` can take as an argument.
#[diagnostic::on_unimplemented(
    message = "a handler of `{R}` cannot take `{Self}`",
    label = "not an argument of this handler",
    note = "a handler takes, in any order and each at most once: the rpc's request message, `EntityId`, `Metadata`, \
            `Option<CloudEvent>`, and `&self` or `&mut Context<Self>`"
)]
pub trait HandlerArg<R: Rpc>: Sized {
    /// Takes the argument from the call.
    fn take(call: &mut Call<'_, R>) -> Self;
}

impl<R: Rpc> HandlerArg<R> for EntityId {
    fn take(call: &mut Call<'_, R>) -> Self {
        call.entity_id.clone()
    }
}

impl<R: Rpc> HandlerArg<R> for Metadata {
    fn take(call: &mut Call<'_, R>) -> Self {
        call.metadata.clone()
    }
}

impl<R: Rpc> HandlerArg<R> for Option<CloudEvent> {
    fn take(call: &mut Call<'_, R>) -> Self {
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
    /// The reply, or why there is none.
    ///
    /// # Errors
    /// The handler refused the command.
    fn into_reply(self) -> Result<Reply<R::Response>, Failure>;
}

impl<R: Rpc> IntoReply<R> for Reply<R::Response> {
    fn into_reply(self) -> Result<Reply<R::Response>, Failure> {
        Ok(self)
    }
}

impl<R: Rpc, X: Rpc<Response = R::Response>> IntoReply<R> for Forward<X> {
    fn into_reply(self) -> Result<Reply<R::Response>, Failure> {
        Ok(Reply::forward(self))
    }
}

impl<R: Rpc, T: IntoReply<R>, E: Into<Failure>> IntoReply<R> for Result<T, E> {
    fn into_reply(self) -> Result<Reply<R::Response>, Failure> {
        self.map_err(Into::into)?.into_reply()
    }
}

/// Decodes the request, runs the handler and encodes its answer.
pub fn unary<E, R, T>(
    _rpc: R,
    context: &mut Context<E>,
    command: Incoming,
    handler: impl FnOnce(&mut Context<E>, &mut Call<'_, R>) -> T,
) -> Handled
where
    E: Entity,
    R: Rpc<Shape = Unary>,
    T: IntoReply<R>,
{
    one_to_one(context, command, handler)
}

/// As [`unary`], for callers that have checked the shape.
pub(crate) fn one_to_one<E, R, T>(
    context: &mut Context<E>,
    command: Incoming,
    handler: impl FnOnce(&mut Context<E>, &mut Call<'_, R>) -> T,
) -> Handled
where
    E: Entity,
    R: Rpc,
    T: IntoReply<R>,
{
    let request = match R::Request::decode(command.payload) {
        Ok(request) => request,
        Err(error) => return Handled::Undecodable(error),
    };
    let entity_id = context.entity_id().clone();
    let mut call = Call {
        request: Some(request),
        metadata: context.metadata().clone(),
        entity_id: &entity_id,
    };
    match handler(context, &mut call).into_reply() {
        Ok(reply) => Handled::Done(encode::<R>(reply)),
        Err(failure) => Handled::Failed(failure),
    }
}

fn encode<R: Rpc>(reply: Reply<R::Response>) -> wire::client_action::Action {
    match reply.action {
        Action::Message(message) => {
            let payload = cloudstate_protocol::Any {
                type_url: bytestring::ByteString::from_static(R::RESPONSE_TYPE_URL),
                value: message.encode_to_vec().into(),
            };
            let metadata = reply.metadata.into_wire();
            wire::client_action::Action::Reply(wire::Reply {
                payload: Some(payload),
                metadata,
            })
        }
        Action::Forward(forward) => wire::client_action::Action::Forward(forward),
    }
}
