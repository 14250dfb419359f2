//! Values written as text: path variables and query parameters.

use std::collections::HashSet;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value,
};
use serde::de::IntoDeserializer;
use serde::de::value::{Error as TextError, StrDeserializer};

use super::error::{Place, RequestError};
use super::percent;
use crate::wire::WireFault;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// How much of a wrong value an error repeats.
const SHOWN: usize = 64;

/// Sets the fields that a query names. Parameters for `body_field` are refused: the body sets it.
pub(super) fn apply_query(
    message: &mut DynamicMessage,
    query: &str,
    body_field: Option<&FieldDescriptor>,
) -> Result<(), RequestError> {
    // The fields set so far, as paths of field numbers: a field that was set to its default looks unset.
    let mut seen = HashSet::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let not_utf8 = |_| RequestError::NotUtf8 {
            place: Place::Query,
            name: name.to_owned(),
        };
        let decoded_name = percent::decode_query(name).map_err(not_utf8)?;
        let value = percent::decode_query(value).map_err(not_utf8)?;
        let parameter = Parameter {
            name: &decoded_name,
            value: &value,
        };
        parameter.apply(message, body_field, &mut seen)?;
    }
    Ok(())
}

/// One pair of a query, decoded.
#[derive(Clone, Copy)]
struct Parameter<'a> {
    name: &'a str,
    value: &'a str,
}

impl Parameter<'_> {
    fn apply(
        self,
        mut message: &mut DynamicMessage,
        body_field: Option<&FieldDescriptor>,
        seen: &mut HashSet<Vec<u32>>,
    ) -> Result<(), RequestError> {
        let mut path = Vec::new();
        let mut segments = self.name.split('.').peekable();
        while let Some(segment) = segments.next() {
            let field = self.find(message, segment)?;
            if path.is_empty() && body_field == Some(&field) {
                return Err(self.refuse("is set by the body"));
            }
            if path.len() > WireFault::DEPTH_LIMIT as usize {
                return Err(self.refuse("reaches deeper than messages may nest"));
            }
            if sibling_is_set(message, &field) {
                return Err(self.refuse("sets a second member of a oneof"));
            }
            path.push(field.number());
            if segments.peek().is_none() {
                if !field.is_list() && !seen.insert(path) {
                    return Err(self.refuse("is given twice, but its field is not repeated"));
                }
                return self.set(message, &field);
            }
            if field.is_list() || field.is_map() {
                return Err(self.refuse("reaches into a repeated field or a map"));
            }
            message = message
                .get_field_mut(&field)
                .as_message_mut()
                .ok_or_else(|| self.refuse("reaches into a field that is not a message"))?;
        }
        Ok(())
    }

    fn set(
        self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
    ) -> Result<(), RequestError> {
        if field.is_map() {
            return Err(self.refuse("is a map, which a query cannot set"));
        }
        let value = match field.kind() {
            Kind::Message(descriptor) if !has_text_form(&descriptor) => {
                return Err(self.refuse("is a message; set its fields, as in `a.b=value`"));
            }
            kind => parse(&kind, self.value, Place::Query, self.name)?,
        };
        match message.get_field_mut(field) {
            Value::List(values) => values.push(value),
            single => *single = value,
        }
        Ok(())
    }

    /// The field of this name, in either spelling.
    fn find(self, message: &DynamicMessage, name: &str) -> Result<FieldDescriptor, RequestError> {
        let descriptor = message.descriptor();
        descriptor
            .get_field_by_name(name)
            .or_else(|| descriptor.get_field_by_json_name(name))
            .ok_or_else(|| RequestError::UnknownParameter {
                name: self.name.to_owned(),
                message: descriptor.full_name().to_owned(),
                segment: name.to_owned(),
            })
    }

    fn refuse(self, why: &'static str) -> RequestError {
        RequestError::NotAParameter {
            name: self.name.to_owned(),
            why,
        }
    }
}

/// The value of one field from its text.
pub(super) fn parse(
    kind: &Kind,
    text: &str,
    place: Place,
    name: &str,
) -> Result<Value, RequestError> {
    parse_text(kind, text).map_err(|expected| RequestError::Value {
        place,
        name: name.to_owned(),
        value: shortened(text),
        expected,
    })
}

/// The error is the description of what was expected.
fn parse_text(kind: &Kind, text: &str) -> Result<Value, String> {
    let value = match kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Bool if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        Kind::Bool if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        Kind::Bool => None,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => text.parse().ok().map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().ok().map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => text.parse().ok().map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => text.parse().ok().map(Value::U64),
        Kind::Double => match special_float(text) {
            Some(value) => Some(Value::F64(value)),
            None => text
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .map(Value::F64),
        },
        Kind::Float => match special_float(text) {
            Some(value) => Some(Value::F32(value as f32)),
            None => text
                .parse()
                .ok()
                .filter(|value: &f32| value.is_finite())
                .map(Value::F32),
        },
        Kind::Bytes => STANDARD
            .decode(text)
            .or_else(|_| URL_SAFE.decode(text))
            .ok()
            .map(|bytes| Value::Bytes(bytes.into())),
        Kind::Enum(descriptor) => descriptor
            .get_value_by_name(text)
            .map(|value| value.number())
            .or_else(|| text.parse().ok())
            .map(Value::EnumNumber),
        Kind::Message(descriptor) => return well_known(descriptor, text).map(Value::Message),
    };
    value.ok_or_else(|| expected(kind))
}

/// The three names of proto3 JSON; Rust would know more, which are refused with the numbers out of range.
fn special_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Whether the JSON form of a message is a string or a single scalar.
pub(crate) fn has_text_form(message: &MessageDescriptor) -> bool {
    let Some(name) = message.full_name().strip_prefix("google.protobuf.") else {
        return false;
    };
    matches!(name, "Timestamp" | "Duration" | "FieldMask") || is_wrapper(name)
}

fn is_wrapper(name: &str) -> bool {
    matches!(
        name,
        "DoubleValue"
            | "FloatValue"
            | "Int64Value"
            | "UInt64Value"
            | "Int32Value"
            | "UInt32Value"
            | "BoolValue"
            | "StringValue"
            | "BytesValue"
    )
}

fn well_known(descriptor: &MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    if let Some(field) = descriptor.get_field_by_name("value")
        && is_wrapper(descriptor.name())
    {
        let mut wrapper = DynamicMessage::new(descriptor.clone());
        wrapper.set_field(&field, parse_text(&field.kind(), text)?);
        return Ok(wrapper);
    }
    let deserializer: StrDeserializer<'_, TextError> = text.into_deserializer();
    DynamicMessage::deserialize(descriptor.clone(), deserializer)
        .map_err(|error| format!("a {} ({error})", descriptor.full_name()))
}

fn expected(kind: &Kind) -> String {
    let name = match kind {
        Kind::Bool => "true or false",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a 32-bit integer",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a 64-bit integer",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer",
        Kind::Float | Kind::Double => "a number",
        Kind::Bytes => "base64",
        Kind::String => "a string",
        Kind::Enum(descriptor) => {
            return format!("a value of the enum {}", descriptor.full_name());
        }
        Kind::Message(descriptor) => return format!("a {}", descriptor.full_name()),
    };
    name.to_owned()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn sibling_is_set(message: &DynamicMessage, field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|oneof| {
        oneof
            .fields()
            .any(|member| member != *field && message.has_field(&member))
    })
}
