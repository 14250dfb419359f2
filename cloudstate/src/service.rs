//! What the build script knows of a `.proto`: a marker type per service and per rpc.
//!
//! `cloudstate_build` writes the implementations; nobody writes them by hand.

use cloudstate_protocol::Any;
use prost::{DecodeError, Message};

/// A gRPC service of a `.proto` file.
pub trait Service: 'static {
    /// Full name, such as `com.example.shoppingcart.ShoppingCart`.
    const NAME: &'static str;
    /// Every rpc, in order of declaration.
    const METHODS: &'static [Method];
    /// The serialized `google.protobuf.FileDescriptorSet` that defines the service, with imports and all options.
    const DESCRIPTOR_SET: &'static [u8];
}

/// One rpc of a [`Service`], as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Name as the `.proto` has it, such as `AddItem`.
    pub name: &'static str,
    /// Name of the handler that the macros look for, such as `add_item`.
    pub handler: &'static str,
    /// Full name of the request message.
    pub request: &'static str,
    /// Full name of the response message.
    pub response: &'static str,
    /// Whether the client sends a stream.
    pub client_streaming: bool,
    /// Whether the server answers with a stream.
    pub server_streaming: bool,
}

/// One rpc of a [`Service`], as a type: ties the name to its request, its response and its shape.
pub trait Rpc: Copy + Send + 'static {
    /// The service it belongs to.
    type Service: Service;
    /// The request message.
    type Request: Message + Default;
    /// The response message.
    type Response: Message + Default;
    /// Which sides stream.
    type Shape: Shape;
    /// Name as the `.proto` has it.
    const NAME: &'static str;
    /// Type URL of the request, `type.googleapis.com/` and the full name.
    const REQUEST_TYPE_URL: &'static str;
    /// Type URL of the response, `type.googleapis.com/` and the full name.
    const RESPONSE_TYPE_URL: &'static str;

    /// Reads a request from its payload. The payload's type URL is not looked at, unless the request is an `Any`.
    ///
    /// # Errors
    /// The bytes are not a request.
    fn decode_request(payload: Any) -> Result<Self::Request, DecodeError> {
        Message::decode(payload.value)
    }
}

/// The request of an rpc that takes any message (`google.protobuf.Any`): the payload itself.
///
/// A client that speaks gRPC packs the `Any` into the payload, which then is of that type; an event comes as it is
/// stored.
///
/// # Errors
/// The packed `Any` cannot be read.
pub fn any_request(payload: Any) -> Result<Any, DecodeError> {
    if payload.type_name() == "google.protobuf.Any" {
        Message::decode(payload.value)
    } else {
        Ok(payload)
    }
}

/// Which sides of an rpc stream. Sealed: protobuf knows these four.
pub trait Shape: sealed::Sealed + 'static {}

/// One request, one response.
#[derive(Debug)]
pub enum Unary {}
/// A stream of requests, one response.
#[derive(Debug)]
pub enum ClientStreaming {}
/// One request, a stream of responses.
#[derive(Debug)]
pub enum ServerStreaming {}
/// Streams both ways.
#[derive(Debug)]
pub enum Streaming {}

/// A shape whose responses can take the place of those of shape `S`, which forwards to it.
#[diagnostic::on_unimplemented(
    message = "what answers with one message cannot be forwarded to an rpc that answers with a stream",
    label = "forwards to a stream",
    note = "forward to an rpc that answers with one message; to a stream, an item of another stream can be forwarded, \
            where it is the `Forward` itself"
)]
pub trait StandsInFor<S: Shape>: Shape {}

impl<S: Shape> StandsInFor<S> for Unary {}
impl<S: Shape> StandsInFor<S> for ClientStreaming {}
impl StandsInFor<ServerStreaming> for ServerStreaming {}
impl StandsInFor<Streaming> for ServerStreaming {}
impl StandsInFor<ServerStreaming> for Streaming {}
impl StandsInFor<Streaming> for Streaming {}

impl Shape for Unary {}
impl Shape for ClientStreaming {}
impl Shape for ServerStreaming {}
impl Shape for Streaming {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unary {}
    impl Sealed for super::ClientStreaming {}
    impl Sealed for super::ServerStreaming {}
    impl Sealed for super::Streaming {}
}
