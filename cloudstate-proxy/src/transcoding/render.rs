//! Writes messages as proto3 JSON.

use bytes::Bytes;
use cloudstate_protocol::google::api::HttpBody;
use http::HeaderValue;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage,
    SerializeOptions, Value,
};
use serde::Serialize;

use super::Rendered;
use super::error::ResponseError;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The content type of a body that names none.
const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The JSON of a whole message.
pub(super) fn message(message: &DynamicMessage) -> Result<Rendered, ResponseError> {
    json(message, |out| write_message(out, message))
}

/// The JSON of one field of a message: `null` where it is absent.
pub(super) fn field(
    message: &DynamicMessage,
    field: &FieldDescriptor,
    value: &Value,
) -> Result<Rendered, ResponseError> {
    json(message, |out| {
        if field.supports_presence() && !message.has_field(field) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        write_value(out, value, &field.kind())
    })
}

/// The raw body that a `google.api.HttpBody` stands for.
pub(super) fn http_body(message: &DynamicMessage) -> Result<Rendered, ResponseError> {
    let body = HttpBody::decode(Bytes::from(message.encode_to_vec())).map_err(|error| {
        ResponseError::Malformed {
            message: message.descriptor().full_name().to_owned(),
            reason: error.to_string(),
        }
    })?;
    let content_type = if body.content_type.is_empty() {
        UNKNOWN
    } else {
        HeaderValue::from_str(&body.content_type).map_err(|_| ResponseError::ContentType {
            content_type: body.content_type,
        })?
    };
    Ok(Rendered {
        content_type,
        body: body.data,
    })
}

fn json(
    message: &DynamicMessage,
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Result<Rendered, ResponseError> {
    let mut out = Vec::with_capacity(128);
    write(&mut out).map_err(|error| ResponseError::NoJson {
        message: message.descriptor().full_name().to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Rendered {
        content_type: JSON,
        body: out.into(),
    })
}

fn write_message(out: &mut Vec<u8>, message: &DynamicMessage) -> serde_json::Result<()> {
    let descriptor = message.descriptor();
    if let Some(name) = descriptor.full_name().strip_prefix("google.protobuf.") {
        return write_well_known(out, message, name, &descriptor);
    }
    let mut separator = b'{';
    let mut write_entry = |name: &str, value: &Value, kind: &Kind| {
        out.push(separator);
        separator = b',';
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        write_value(out, value, kind)
    };
    for field in descriptor.fields() {
        if !field.supports_presence() || message.has_field(&field) {
            write_entry(field.json_name(), &message.get_field(&field), &field.kind())?;
        }
    }
    for (extension, value) in message.extensions() {
        write_entry(extension.json_name(), value, &extension.kind())?;
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    Ok(())
}

/// The types of `google.protobuf` have JSON forms of their own; the wrappers' is the form of their value.
fn write_well_known(
    out: &mut Vec<u8>,
    message: &DynamicMessage,
    name: &str,
    descriptor: &MessageDescriptor,
) -> serde_json::Result<()> {
    if name.ends_with("Value")
        && name != "Value"
        && let Some(field) = descriptor.get_field_by_name("value")
    {
        return write_value(out, &message.get_field(&field), &field.kind());
    }
    let options = SerializeOptions::new().skip_default_fields(false);
    message.serialize_with_options(&mut serde_json::Serializer::new(out), &options)
}

fn write_value(out: &mut Vec<u8>, value: &Value, kind: &Kind) -> serde_json::Result<()> {
    match value {
        Value::Bool(value) => write(out, value),
        Value::I32(value) => write(out, value),
        Value::U32(value) => write(out, value),
        // Numbers of JavaScript are exact up to 53 bits only.
        Value::I64(value) => write(out, &value.to_string()),
        Value::U64(value) => write(out, &value.to_string()),
        Value::F32(value) if value.is_finite() => write(out, value),
        Value::F32(value) => write(out, not_finite(f64::from(*value))),
        Value::F64(value) if value.is_finite() => write(out, value),
        Value::F64(value) => write(out, not_finite(*value)),
        Value::String(value) => write(out, value),
        Value::Bytes(value) => {
            use base64::Engine;
            write(out, &base64::prelude::BASE64_STANDARD.encode(value))
        }
        Value::EnumNumber(number) => write_enum(out, *number, kind),
        Value::Message(message) => write_message(out, message),
        Value::List(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, value, kind)?;
            }
            out.push(b']');
            Ok(())
        }
        Value::Map(entries) => {
            let Kind::Message(entry) = kind else {
                return Ok(());
            };
            let value_kind = entry.map_entry_value_field().kind();
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_key(out, key)?;
                out.push(b':');
                write_value(out, value, &value_kind)?;
            }
            out.push(b'}');
            Ok(())
        }
    }
}

fn write_enum(out: &mut Vec<u8>, number: i32, kind: &Kind) -> serde_json::Result<()> {
    let Kind::Enum(descriptor) = kind else {
        return write(out, &number);
    };
    if descriptor.full_name() == "google.protobuf.NullValue" {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match descriptor.get_value(number) {
        Some(value) => write(out, value.name()),
        None => write(out, &number),
    }
}

fn write_key(out: &mut Vec<u8>, key: &MapKey) -> serde_json::Result<()> {
    match key {
        MapKey::Bool(value) => write(out, &value.to_string()),
        MapKey::I32(value) => write(out, &value.to_string()),
        MapKey::I64(value) => write(out, &value.to_string()),
        MapKey::U32(value) => write(out, &value.to_string()),
        MapKey::U64(value) => write(out, &value.to_string()),
        MapKey::String(value) => write(out, value),
    }
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    serde_json::to_writer(out, value)
}
