//! What a client reads when there is no answer.

use std::time::Duration;

use http::{
    HeaderValue, Response, StatusCode, Version,
    header::{ACCEPT_ENCODING, CONNECTION},
};
use tonic::{Code, body::Body};

use super::{respond, text};
use crate::{
    call::{CallError, code_name},
    metrics::Limit,
};

pub(super) enum HttpError {
    Call(CallError),
    UnsupportedType(String),
    UnsupportedEncoding(String),
    TooLarge { limit: usize, all_read: bool },
    TooSlow(Duration),
}

impl From<CallError> for HttpError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl HttpError {
    /// The limit that was reached, if it is one of the front-end's own.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooLarge { .. } => Some(Limit::MessageSize),
            Self::TooSlow(_) => Some(Limit::RequestTimeout),
            Self::Call(_) | Self::UnsupportedType(_) | Self::UnsupportedEncoding(_) => None,
        }
    }

    /// The status that the same error has over gRPC.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Call(error) => error.code(),
            Self::UnsupportedType(_) | Self::UnsupportedEncoding(_) => Code::InvalidArgument,
            Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::TooSlow(_) => Code::DeadlineExceeded,
        }
    }

    pub(super) fn into_response(self, version: Version) -> Response<Body> {
        match self {
            // As the TCK has it: the user function's own text and nothing else.
            Self::Call(error) if error.is_refusal() => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                error.message().to_owned(),
            ),
            Self::Call(error) => refuse(&error),
            Self::UnsupportedType(message) => error_body(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::InvalidArgument,
                &message,
            ),
            Self::UnsupportedEncoding(message) => {
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                let mut response = error_body(status, Code::InvalidArgument, &message);
                let gzip = HeaderValue::from_static("gzip");
                response.headers_mut().insert(ACCEPT_ENCODING, gzip);
                response
            }
            Self::TooLarge { limit, all_read } => {
                let mut response = error_body(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    Code::ResourceExhausted,
                    &format!(
                        "the body is larger than the {limit} bytes that CLOUDSTATE_MAX_MESSAGE_SIZE allows"
                    ),
                );
                if !all_read {
                    close(&mut response, version);
                }
                response
            }
            Self::TooSlow(within) => {
                let message = format!(
                    "the body did not arrive within {within:?} (CLOUDSTATE_REQUEST_TIMEOUT)"
                );
                let code = Code::DeadlineExceeded;
                let mut response = error_body(StatusCode::REQUEST_TIMEOUT, code, &message);
                close(&mut response, version);
                response
            }
        }
    }
}

/// With the rest of a body on its way, an HTTP/1 connection serves no other request.
fn close(response: &mut Response<Body>, version: Version) {
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

/// A response for a call that was not handled.
pub(in crate::frontend) fn refuse(error: &CallError) -> Response<Body> {
    error_body(status_of(error.code()), error.code(), error.message())
}

/// An error that is not a call's.
pub(in crate::frontend) fn error_body(
    status: StatusCode,
    code: Code,
    message: &str,
) -> Response<Body> {
    let body = describe(code, message);
    respond(
        status,
        HeaderValue::from_static("application/json"),
        body.to_string().into(),
    )
}

/// An error as JSON.
pub(in crate::frontend) fn describe(code: Code, message: &str) -> serde_json::Value {
    serde_json::json!({ "code": code_name(code), "message": message })
}

/// The HTTP status of a gRPC code, as `google.rpc.Code` documents the mapping.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::{code_name, status_of};

    #[test]
    fn every_code_has_the_status_and_the_name_of_google_rpc() {
        let expected = [
            (200, "OK"),
            (499, "CANCELLED"),
            (500, "UNKNOWN"),
            (400, "INVALID_ARGUMENT"),
            (504, "DEADLINE_EXCEEDED"),
            (404, "NOT_FOUND"),
            (409, "ALREADY_EXISTS"),
            (403, "PERMISSION_DENIED"),
            (429, "RESOURCE_EXHAUSTED"),
            (400, "FAILED_PRECONDITION"),
            (409, "ABORTED"),
            (400, "OUT_OF_RANGE"),
            (501, "UNIMPLEMENTED"),
            (500, "INTERNAL"),
            (503, "UNAVAILABLE"),
            (500, "DATA_LOSS"),
            (401, "UNAUTHENTICATED"),
        ];
        for (number, expected) in (0..).zip(expected) {
            let code = Code::from_i32(number);
            assert_eq!((status_of(code).as_u16(), code_name(code)), expected);
        }
    }
}
