//! Why a call of an action ends without a response.

use tonic::{Code, Status};

/// A call of an action broke down: no handler refused it, something is wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct CallError {
    kind: Kind,
}

#[derive(Clone, Debug, thiserror::Error)]
enum Kind {
    #[error("No call handler found for call [{call}] on {action}")]
    Unhandled { call: String, action: &'static str },
    #[error("Call [{call}] came as {came}, and its rpc is {declared}")]
    Shape {
        call: &'static str,
        came: &'static str,
        declared: &'static str,
    },
    #[error("Unexpected failure: {0}")]
    Panic(String),
    #[error("the call's messages broke off: {}", .0.message())]
    Input(Status),
}

impl CallError {
    pub(crate) fn unhandled(call: &str, action: &'static str) -> Self {
        let call = call.to_owned();
        Kind::Unhandled { call, action }.into()
    }

    pub(crate) fn shape(call: &'static str, came: &'static str, declared: &'static str) -> Self {
        Kind::Shape {
            call,
            came,
            declared,
        }
        .into()
    }

    pub(crate) fn panic(text: String) -> Self {
        Kind::Panic(text).into()
    }
}

impl From<Kind> for CallError {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

/// A stream of messages that did not end properly.
impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Kind::Input(status).into()
    }
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        let code = match error.kind {
            Kind::Unhandled { .. } => Code::Unimplemented,
            Kind::Shape { .. } => Code::InvalidArgument,
            Kind::Panic(_) => Code::Internal,
            Kind::Input(status) => return status,
        };
        Self::new(code, error.to_string())
    }
}
