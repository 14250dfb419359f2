//! A call on its way through the proxy, and what becomes of it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::{
    Any,
    cloudstate::{Metadata, SideEffect, client_action::Action},
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use tonic::Code;

use crate::{catalog::Method, store::StoreError, user_function::UserFunctionError};

/// One request for one method, checked and ready to be routed.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is called.
    pub method: Arc<Method>,
    /// The encoded request message.
    pub payload: Bytes,
    /// Its type, where it is not the method's: an event for a method that takes any.
    pub payload_type: Option<ByteString>,
    /// What the transport carried beside it, where the user function wants it.
    pub metadata: Option<Metadata>,
}

impl Call {
    /// A call with a message of the method's request type.
    pub fn new(method: Arc<Method>, payload: Bytes, metadata: Option<Metadata>) -> Self {
        Self {
            method,
            payload,
            payload_type: None,
            metadata,
        }
    }

    /// The message as the protocol carries it.
    pub(crate) fn message(&self) -> Any {
        let type_url = self.payload_type.as_ref();
        Any {
            type_url: type_url.unwrap_or(&self.method.request_type_url).clone(),
            value: self.payload.clone(),
        }
    }
}

/// A stream of requests for one method whose clients stream.
pub struct StreamedCall {
    /// What is called.
    pub method: Arc<Method>,
    /// The request messages, checked; it ends when the client has sent everything.
    pub messages: BoxStream<'static, Any>,
    /// What the transport carried beside them.
    pub metadata: Option<Metadata>,
}

impl From<Call> for StreamedCall {
    /// A stream of this one message.
    fn from(call: Call) -> Self {
        Self {
            messages: stream::iter([call.message()]).boxed(),
            method: call.method,
            metadata: call.metadata,
        }
    }
}

impl fmt::Debug for StreamedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedCall")
            .field("method", &self.method)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// What the caller receives.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The encoded response message.
    pub payload: Bytes,
    /// What becomes response headers.
    pub metadata: Option<Metadata>,
}

/// What an entity or an action made of a command, once whatever it has changed is durable.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) action: Option<Action>,
    pub(crate) effects: Vec<SideEffect>,
    /// What follows, where the response is a stream; `None` if this is the last.
    pub(crate) more: Option<Outcomes>,
}

/// The outcomes behind the first, until the sender is dropped or sends an error.
///
/// It is dropped when the caller goes away, for which the sender can wait.
pub(crate) type Outcomes = mpsc::Receiver<Result<Outcome, CallError>>;

/// Why a call has no answer.
///
/// A refusal is the user function's answer and has only a text. Everything else is trouble on the way, with a status
/// code that says whether trying again makes sense.
#[derive(Clone, Debug)]
pub struct CallError {
    code: Code,
    message: String,
    refusal: bool,
}

impl CallError {
    /// Trouble on the way.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            refusal: false,
        }
    }

    /// The user function refused the command, with this text.
    pub fn refused(description: impl Into<String>) -> Self {
        Self {
            code: Code::Unknown,
            message: description.into(),
            refusal: true,
        }
    }

    /// The caller's mistake.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// A limit has been reached.
    pub fn exhausted(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceExhausted, message)
    }

    /// The process is going down.
    pub(crate) fn stopping() -> Self {
        Self::new(Code::Unavailable, "the service is stopping")
    }

    /// The gRPC status code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What the caller reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether this is the user function's own answer.
    pub fn is_refusal(&self) -> bool {
        self.refusal
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for CallError {}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Conflict { .. } => Code::Aborted,
            StoreError::Overloaded { .. } => Code::ResourceExhausted,
            StoreError::Unavailable { .. } | StoreError::Closed => Code::Unavailable,
            StoreError::Corrupt { .. } => Code::DataLoss,
        };
        Self::new(code, error.to_string())
    }
}

impl From<UserFunctionError> for CallError {
    fn from(error: UserFunctionError) -> Self {
        Self::new(
            Code::Unavailable,
            format!("the user function cannot be reached: {error}"),
        )
    }
}

impl From<CallError> for tonic::Status {
    fn from(error: CallError) -> Self {
        Self::new(error.code, error.message)
    }
}
