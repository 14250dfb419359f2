//! Why a request could not be built or a response not be rendered.

/// A request that does not fit its method. The text is meant for the client that sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The body is of a type that cannot be read.
    #[error("content type `{found}` is not supported; send application/json")]
    ContentType {
        /// The header's value.
        found: String,
    },
    /// The body is not the JSON of the expected message or field.
    #[error("the body is not valid JSON for {target}: {reason}{}", in_field(.field))]
    Json {
        /// The message or field that the body is read into.
        target: String,
        /// What is wrong, with line and column.
        reason: String,
        /// The path within the body, such as `items[2].quantity`; empty at its top.
        field: String,
    },
    /// No field has the name of a query parameter.
    #[error("unknown query parameter `{name}`: {message} has no field `{segment}`")]
    UnknownParameter {
        /// The parameter, decoded.
        name: String,
        /// The message that was searched.
        message: String,
        /// The part of the name that is not a field.
        segment: String,
    },
    /// A query parameter names a field that a query cannot set.
    #[error("query parameter `{name}` {why}")]
    NotAParameter {
        /// The parameter, decoded.
        name: String,
        /// Why the field cannot be set.
        why: &'static str,
    },
    /// A value that is not of its field's type.
    #[error("{place} `{name}` is not {expected}: `{value}`")]
    Value {
        /// Where the value stands.
        place: Place,
        /// The parameter or variable.
        name: String,
        /// The decoded value, shortened if long.
        value: String,
        /// The type that is expected.
        expected: String,
    },
    /// A percent-encoded name or value that is not UTF-8.
    #[error("{place} `{name}` is not UTF-8 once percent-decoded")]
    NotUtf8 {
        /// Where it stands.
        place: Place,
        /// The parameter or variable.
        name: String,
    },
}

/// Where in a request, outside its body, a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A variable of the path.
    Path,
    /// A parameter of the query.
    Query,
}

/// A response that cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The bytes are not an encoded message of the method's response type.
    #[error("the response is not an encoded {message}: {reason}")]
    Malformed {
        /// The response type.
        message: String,
        /// What the decoder says.
        reason: String,
    },
    /// The message holds what proto3 JSON cannot say, such as an `Any` of an unknown type.
    #[error("the {message} of the response has no JSON form: {reason}")]
    NoJson {
        /// The response type.
        message: String,
        /// What the encoder says.
        reason: String,
    },
    /// The content type of a `google.api.HttpBody` is not a header value.
    #[error("the response's content type {content_type:?} is not a valid header value")]
    ContentType {
        /// The content type as the service gave it.
        content_type: String,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Path => "path variable",
            Self::Query => "query parameter",
        })
    }
}

fn in_field(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!(" (in `{field}`)")
    }
}
