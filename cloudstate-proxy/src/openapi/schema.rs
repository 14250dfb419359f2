//! JSON schemas of messages, as proto3 JSON has them.

use std::collections::HashSet;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::Comments;

/// The schema of the errors that are not the services' own.
pub(super) const ERROR: &str = "cloudstate.HttpError";

/// Schemas by the full names of messages and enums, each described once and referred to from everywhere.
#[derive(Debug)]
pub(super) struct Schemas<'a> {
    comments: &'a Comments,
    known: HashSet<String>,
    messages: Vec<MessageDescriptor>,
    enums: Vec<EnumDescriptor>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(comments: &'a Comments) -> Self {
        Self {
            comments,
            known: HashSet::new(),
            messages: Vec::new(),
            enums: Vec::new(),
        }
    }

    /// All schemas that have been referred to, and those that they refer to.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut schemas = Map::from_iter([(ERROR.to_owned(), error())]);
        while let Some(message) = self.messages.pop() {
            let schema = self.describe(&message);
            schemas.insert(message.full_name().to_owned(), schema);
        }
        for enumeration in &self.enums {
            let names: Vec<_> = enumeration
                .values()
                .map(|value| value.name().to_owned())
                .collect();
            let mut schema = json!({
                "anyOf": [
                    { "type": "string", "enum": names },
                    // What a newer service may say, and any request.
                    { "type": "integer", "format": "int32" },
                ],
            });
            let file = enumeration.parent_file();
            if let Some(comment) = self.comments.find(file.name(), enumeration.path()) {
                schema["description"] = json!(comment);
            }
            schemas.insert(enumeration.full_name().to_owned(), schema);
        }
        schemas
    }

    /// The schema of a field's value, a list or a map included, with its description.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                return json!({ "type": "object" });
            };
            let value = self.kind(&entry.map_entry_value_field().kind());
            json!({ "type": "object", "additionalProperties": value })
        } else if field.is_list() {
            json!({ "type": "array", "items": self.kind(&field.kind()) })
        } else {
            self.kind(&field.kind())
        };
        if let Some(comment) = self.comments.of_field(field) {
            schema["description"] = json!(comment);
        }
        if is_deprecated(field) {
            schema["deprecated"] = json!(true);
        }
        schema
    }

    /// The schema of a single value.
    pub(super) fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX })
            }
            // Numbers of JavaScript are exact up to 53 bits only.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "format": "int64" })
            }
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64" }),
            Kind::Float => float("float"),
            Kind::Double => float("double"),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(enumeration) if enumeration.full_name() == "google.protobuf.NullValue" => {
                json!({ "type": "null" })
            }
            Kind::Enum(enumeration) => {
                if self.known.insert(enumeration.full_name().to_owned()) {
                    self.enums.push(enumeration.clone());
                }
                reference(enumeration.full_name())
            }
            Kind::Message(message) => self.message(message),
        }
    }

    /// The schema of a message: a reference, except for the types that have a JSON form of their own.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(name) = message.full_name().strip_prefix("google.protobuf.")
            && let Some(schema) = self.well_known(name, message)
        {
            return schema;
        }
        if self.known.insert(message.full_name().to_owned()) {
            self.messages.push(message.clone());
        }
        reference(message.full_name())
    }

    fn well_known(&mut self, name: &str, message: &MessageDescriptor) -> Option<Value> {
        Some(match name {
            "Timestamp" => json!({ "type": "string", "format": "date-time" }),
            "Duration" => json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" }),
            "FieldMask" => json!({
                "type": "string",
                "description": "Paths of fields, separated by commas.",
            }),
            "Empty" | "Struct" => json!({ "type": "object" }),
            "Value" => json!({}),
            "ListValue" => json!({ "type": "array", "items": {} }),
            "Any" => json!({
                "type": "object",
                "description": "A message of any type, with the fields of that type beside `@type`.",
                "properties": {
                    "@type": { "type": "string", "description": "A URL that ends in the full name of the type." },
                },
            }),
            _ if name.ends_with("Value") => {
                let value = message.get_field_by_name("value")?;
                self.kind(&value.kind())
            }
            _ => return None,
        })
    }

    fn describe(&mut self, message: &MessageDescriptor) -> Value {
        let properties: Map<String, Value> = message
            .fields()
            .map(|field| (field.json_name().to_owned(), self.field(&field)))
            .collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        let file = message.parent_file();
        if let Some(comment) = self.comments.find(file.name(), message.path()) {
            schema["description"] = json!(comment);
        }
        let options = message.descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            schema["deprecated"] = json!(true);
        }
        let choices: Vec<Value> = message
            .oneofs()
            .filter(|oneof| !oneof.is_synthetic() && oneof.fields().len() > 1)
            .map(|oneof| choice(oneof.fields()))
            .collect();
        if !choices.is_empty() {
            schema["allOf"] = json!(choices);
        }
        schema
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn is_deprecated(field: &FieldDescriptor) -> bool {
    let options = field.field_descriptor_proto().options.as_ref();
    options.is_some_and(|options| options.deprecated())
}

/// One of these fields, or none.
fn choice(fields: impl Iterator<Item = FieldDescriptor>) -> Value {
    let mut alternatives: Vec<Value> = fields
        .map(|field| json!({ "required": [field.json_name()] }))
        .collect();
    alternatives.push(json!({ "not": { "anyOf": alternatives } }));
    json!({ "oneOf": alternatives })
}

fn float(format: &str) -> Value {
    json!({
        "anyOf": [
            { "type": "number", "format": format },
            { "type": "string", "enum": ["NaN", "Infinity", "-Infinity"] },
        ],
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why a call has no answer.",
        "properties": {
            "code": {
                "type": "string",
                "description": "The name of the gRPC status code.",
                "examples": ["INVALID_ARGUMENT"],
            },
            "message": { "type": "string", "description": "What is wrong, for a person." },
        },
        "required": ["code", "message"],
    })
}
