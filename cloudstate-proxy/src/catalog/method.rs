//! The methods of services: their shape, their messages, and how they find their entity.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use bytestring::ByteString;
use prost_reflect::MethodDescriptor;
use tonic::Code;

use super::EntityKind;
use crate::{
    call::CallError,
    metrics::MethodMeters,
    topics::Topic,
    wire::{KeyExtractor, MessageShape},
};

/// One method of a service.
#[derive(Debug)]
pub struct Method {
    /// The service it belongs to, as an index into [`Catalog::services`](super::Catalog::services).
    pub service: usize,
    /// Full name of the service.
    pub service_name: ByteString,
    /// Simple name.
    pub name: ByteString,
    /// Which sides stream.
    pub shape: Shape,
    /// What the request must look like.
    pub request: MessageShape,
    /// How the entity's id is read from the request; none where calls are for no entity.
    pub key: Option<KeyExtractor>,
    /// `type.googleapis.com/` and the request's full name.
    pub request_type_url: ByteString,
    /// `type.googleapis.com/` and the response's full name.
    pub response_type_url: ByteString,
    /// Where its replies are published.
    pub topic: Option<Arc<Topic>>,
    /// What is measured of its requests; made with the first.
    pub(crate) meters: OnceLock<MethodMeters>,
}

/// How many messages go which way. The names are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One message in, one out.
    Unary,
    /// Any number in, one out.
    StreamedIn,
    /// One in, any number out.
    StreamedOut,
    /// Any number in, any number out, in whatever order.
    Streamed,
}

impl Shape {
    fn of(method: &MethodDescriptor) -> Self {
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => Self::Unary,
            (true, false) => Self::StreamedIn,
            (false, true) => Self::StreamedOut,
            (true, true) => Self::Streamed,
        }
    }

    /// Whether the request is a stream of messages.
    pub fn streams_in(self) -> bool {
        matches!(self, Self::StreamedIn | Self::Streamed)
    }

    /// Whether the response is a stream of messages.
    pub fn streams_out(self) -> bool {
        matches!(self, Self::StreamedOut | Self::Streamed)
    }
}

impl Method {
    /// Compiles a method of a service of this kind; the error is why it cannot be served.
    pub(super) fn new(
        method: &MethodDescriptor,
        service: usize,
        kind: EntityKind,
        topic: Option<Arc<Topic>>,
    ) -> Result<Self, String> {
        let name = method.full_name();
        let shape = Shape::of(method);
        if let Some(objection) = kind.objection(shape) {
            return Err(format!("method `{name}` {objection}"));
        }
        let input = method.input();
        let key = if kind.is_keyed() {
            let key =
                KeyExtractor::new(&input).map_err(|error| format!("method `{name}`: {error}"))?;
            Some(key.ok_or_else(|| {
                format!(
                    "method `{name}` takes `{}`, which has no field marked `(cloudstate.entity_key) = true`, so that \
                     no entity can be found for it",
                    input.full_name()
                )
            })?)
        } else {
            None
        };
        Ok(Self {
            service,
            service_name: method.parent_service().full_name().into(),
            name: method.name().into(),
            shape,
            request: MessageShape::new(&input),
            key,
            request_type_url: type_url(input.full_name()),
            response_type_url: type_url(method.output().full_name()),
            topic,
            meters: OnceLock::new(),
        })
    }

    /// The id of the entity that a request is for.
    ///
    /// # Errors
    /// The request names none.
    pub(crate) fn entity_id(&self, request: &Bytes) -> Result<ByteString, CallError> {
        let Some(key) = &self.key else {
            let text = format!("{}/{} is for no entity", self.service_name, self.name);
            return Err(CallError::new(Code::Internal, text));
        };
        key.extract(request)
            .map_err(|error| CallError::invalid(error.to_string()))
    }
}

fn type_url(name: &str) -> ByteString {
    format!("type.googleapis.com/{name}").into()
}
