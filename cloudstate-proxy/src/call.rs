//! A call on its way through the proxy, and what becomes of it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        Metadata, MetadataEntry, Reply, SideEffect, client_action::Action, metadata_entry,
    },
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use tonic::Code;

use crate::{
    catalog::Method, store::StoreError, topics::Topic, trace::Trace,
    user_function::UserFunctionError,
};

/// One request for one method, checked and ready to be routed.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is called.
    pub method: Arc<Method>,
    /// The encoded request message.
    pub payload: Bytes,
    /// Its type, where it is not the method's: an event for a method that takes any. In a box, because most calls have
    /// none.
    pub payload_type: Option<Box<ByteString>>,
    /// What the transport carried beside it, where the user function wants it.
    pub metadata: Option<Metadata>,
    /// Where the reply is published: of a call from outside, where its method says; of what follows from one, nowhere.
    pub(crate) topic: Option<Arc<Topic>>,
    /// What it is recorded in.
    pub(crate) trace: Trace,
}

impl Call {
    /// A call with a message of the method's request type.
    pub fn new(method: Arc<Method>, payload: Bytes, metadata: Option<Metadata>) -> Self {
        Self {
            method,
            payload,
            payload_type: None,
            metadata,
            topic: None,
            trace: Trace::default(),
        }
    }

    /// The call as one that comes from outside: its reply is published where its method says.
    pub(crate) fn entering(self) -> Self {
        let topic = self.method.topic.clone();
        Self { topic, ..self }
    }

    /// The message as the protocol carries it.
    pub(crate) fn message(&self) -> Any {
        let type_url = self.payload_type.as_ref();
        Any {
            type_url: type_url
                .map_or(&self.method.request_type_url, |type_url| &**type_url)
                .clone(),
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
    /// What it is recorded in.
    pub(crate) trace: Trace,
}

impl From<Call> for StreamedCall {
    /// A stream of this one message.
    fn from(call: Call) -> Self {
        Self {
            messages: stream::iter([call.message()]).boxed(),
            method: call.method,
            metadata: call.metadata,
            trace: call.trace,
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

impl Answer {
    /// The reply that it comes from, of a method with this response.
    pub(crate) fn to_reply(&self, method: &Method) -> Reply {
        Reply {
            payload: Some(Any {
                type_url: method.response_type_url.clone(),
                value: self.payload.clone(),
            }),
            metadata: self.metadata.clone(),
        }
    }
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

/// An entry of metadata that is text.
pub(crate) fn text_entry(key: &str, value: &str) -> MetadataEntry {
    MetadataEntry {
        key: key.into(),
        value: Some(metadata_entry::Value::StringValue(value.into())),
    }
}

/// Why a call has no answer.
///
/// A refusal is the user function's answer and has only a text. Everything else is trouble on the way, with a status
/// code that says whether trying again makes sense.
#[derive(Clone, Debug)]
pub struct CallError {
    code: Code,
    message: String,
    refusal: bool,
    /// What is for the operator only.
    detail: Option<String>,
}

impl CallError {
    /// Trouble on the way.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            refusal: false,
            detail: None,
        }
    }

    /// With what the operator may know of it and the caller not.
    pub(crate) fn because(self, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into());
        Self { detail, ..self }
    }

    /// The user function refused the command, with this text.
    pub fn refused(description: impl Into<String>) -> Self {
        Self {
            code: Code::Unknown,
            message: description.into(),
            refusal: true,
            detail: None,
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

    /// What the operator reads: what the caller does not, where there is more to know.
    pub(crate) fn reason(&self) -> &str {
        self.detail.as_deref().unwrap_or(&self.message)
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
            StoreError::Conflict { .. } | StoreError::NoValue { .. } => Code::Aborted,
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

/// The code's name in `google.rpc.Code`.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
