//! The messages of OTLP 1 that are sent to `opentelemetry.proto.collector.trace.v1.TraceService`, as far as they are
//! filled in.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::Finished;

/// The method that takes a [`Request`].
pub(super) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

/// It may say that some spans were not taken, which nothing can be done about.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    /// 2 is an error; nothing is said of what went well, as OpenTelemetry has it.
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, tag = "1")]
    string_value: String,
}

/// Spans of a service of this name.
pub(super) fn request(service: &str, spans: Vec<Finished>) -> Request {
    let attribute = KeyValue {
        key: "service.name".into(),
        value: Some(AnyValue {
            string_value: service.to_owned(),
        }),
    };
    let scope = Scope {
        name: env!("CARGO_PKG_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
    };
    Request {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![attribute],
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans: spans.into_iter().map(Span::from).collect(),
            }],
        }],
    }
}

impl From<Finished> for Span {
    fn from(span: Finished) -> Self {
        let status = span.error().map(|error| Status {
            message: error.to_owned(),
            code: 2,
        });
        let parent = match span.parent {
            0 => Vec::new(),
            parent => parent.to_be_bytes().to_vec(),
        };
        Self {
            trace_id: span.context.trace.to_be_bytes().to_vec(),
            span_id: span.context.span.to_be_bytes().to_vec(),
            trace_state: span.context.state.unwrap_or_default(),
            parent_span_id: parent,
            name: span.name,
            kind: span.kind as i32,
            start_time_unix_nano: nanoseconds(span.start),
            end_time_unix_nano: nanoseconds(span.start + span.took),
            status,
        }
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
