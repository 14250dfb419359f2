//! Reads proto3 JSON into messages.

use std::collections::HashSet;
use std::fmt;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::error::RequestError;
use super::json_path;

/// How long the texts of an error may become that repeat parts of the body.
const SHOWN: usize = 200;

/// Accepts JSON, and what claims nothing about a body that is JSON: no content type, and the one that `curl -d` sends
/// unasked.
pub(super) fn check_content_type(
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(), RequestError> {
    let Some(header) = content_type else {
        return Ok(());
    };
    let essence = header.split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || essence
            .len()
            .checked_sub("+json".len())
            .and_then(|start| essence.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case("+json"));
    let is_default_of_curl = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    // A faulty object is still meant as JSON, and its error should say what is wrong with it.
    let is_meant_as_json = || {
        matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
            || serde_json::from_slice::<IgnoredAny>(body).is_ok()
    };
    if is_json || essence.is_empty() || is_default_of_curl && is_meant_as_json() {
        Ok(())
    } else {
        Err(RequestError::ContentType {
            found: header.to_owned(),
        })
    }
}

/// Reads a body that is the JSON of a whole message.
pub(super) fn parse_message(
    message: &MessageDescriptor,
    body: &[u8],
) -> Result<DynamicMessage, RequestError> {
    let scope = Scope::of_message(message.clone());
    parse(body, scope, |json| {
        DynamicMessage::deserialize(message.clone(), json)
    })
    .map_err(|error| explain(&error, message.full_name(), body))
}

/// Reads a body that is the JSON of one field into a message that has only that field.
pub(super) fn parse_field(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    body: &[u8],
) -> Result<DynamicMessage, RequestError> {
    parse(body, Scope::of_field(field), |json| {
        let entry = OneEntry {
            key: Some(field.json_name()),
            value: json,
        };
        DynamicMessage::deserialize(message.clone(), MapAccessDeserializer::new(entry))
    })
    .map_err(|error| explain(&error, field.full_name(), body))
}

fn parse<'de>(
    body: &'de [u8],
    scope: Scope,
    read: impl FnOnce(
        &mut serde_json::Deserializer<serde_json::de::SliceRead<'de>>,
    ) -> serde_json::Result<DynamicMessage>,
) -> serde_json::Result<DynamicMessage> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let message = read(&mut json)?;
    json.end()?;
    // The reader lets the last of several equal keys win, so they are looked for apart.
    let mut json = serde_json::Deserializer::from_slice(body);
    UniqueKeys(scope).deserialize(&mut json)?;
    Ok(message)
}

#[cold]
fn explain(error: &serde_json::Error, target: &str, body: &[u8]) -> RequestError {
    let mut reason = error.to_string();
    if reason.len() > SHOWN {
        let end = reason.floor_char_boundary(SHOWN);
        let (line, column) = (error.line(), error.column());
        reason.truncate(end);
        reason.push_str(&format!("... at line {line} column {column}"));
    }
    // Where the text is no JSON at all, line and column say more than a path.
    let mut field = match error.classify() {
        Category::Data => json_path::at(body, error.line(), error.column()),
        _ => String::new(),
    };
    if field.len() > SHOWN {
        field.truncate(field.floor_char_boundary(SHOWN));
        field.push_str("...");
    }
    RequestError::Json {
        target: target.to_owned(),
        reason,
        field,
    }
}

/// A map of a single entry, whose value is yet to be read.
struct OneEntry<'a, R> {
    key: Option<&'a str>,
    value: &'a mut serde_json::Deserializer<R>,
}

impl<'de, R: serde_json::de::Read<'de>> MapAccess<'de> for OneEntry<'_, R> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        self.key
            .take()
            .map(|key| seed.deserialize(StrDeserializer::new(key)))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        seed.deserialize(&mut *self.value)
    }
}

/// What the keys of a JSON object mean.
#[derive(Clone)]
enum Scope {
    /// The fields of a message, by either of their names.
    Message(MessageDescriptor),
    /// The keys of a map; its values are messages where there is a descriptor.
    Map(Option<MessageDescriptor>),
    /// Whatever the text says, at every depth.
    Free,
}

impl Scope {
    fn of_message(message: MessageDescriptor) -> Self {
        // The JSON of these types is not that of their fields.
        if message.full_name().starts_with("google.protobuf.") {
            Self::Free
        } else {
            Self::Message(message)
        }
    }

    fn of_field(field: &FieldDescriptor) -> Self {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                Self::Map(match entry.map_entry_value_field().kind() {
                    Kind::Message(value) => Some(value),
                    _ => None,
                })
            }
            Kind::Message(message) => Self::of_message(message),
            _ => Self::Free,
        }
    }
}

/// Walks a JSON value and fails where an object has a key twice.
struct UniqueKeys(Scope);

impl<'de> DeserializeSeed<'de> for UniqueKeys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut numbers = Vec::new();
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let (is_new, scope) = match &self.0 {
                Scope::Message(message) => match field_named(message, &key) {
                    Some(field) => {
                        let is_new = !numbers.contains(&field.number());
                        numbers.push(field.number());
                        (is_new, Scope::of_field(&field))
                    }
                    None => (keys.insert(key.clone()), Scope::Free),
                },
                Scope::Map(value) => {
                    let scope = value.clone().map_or(Scope::Free, Scope::of_message);
                    (keys.insert(key.clone()), scope)
                }
                Scope::Free => (keys.insert(key.clone()), Scope::Free),
            };
            if !is_new {
                return Err(Error::custom(format_args!("`{key}` is given twice")));
            }
            map.next_value_seed(UniqueKeys(scope))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(UniqueKeys(self.0.clone()))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

fn field_named(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(key)
        .or_else(|| message.get_field_by_name(key))
}
