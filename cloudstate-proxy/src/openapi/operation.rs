//! One binding as an operation: what it takes, and what it answers.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::{
    comments::Comments,
    path::{self, PathText},
    schema::{self, Schemas},
};
use crate::transcoding::compiled::{Binding, Body, has_text_form};

/// How deep query parameters reach into messages. They may reach deeper, but who would list them all?
const QUERY_DEPTH: usize = 4;

pub(super) struct Operation<'a> {
    pub(super) binding: &'a Binding,
    pub(super) path: &'a PathText,
    pub(super) comments: &'a Comments,
}

impl Operation<'_> {
    pub(super) fn describe(&self, id: &str, schemas: &mut Schemas<'_>) -> Value {
        let method = self.binding.method();
        let service = method.parent_service();
        let mut operation = json!({
            "operationId": id,
            "tags": [service.full_name()],
            "x-grpc-method": format!("{}/{}", service.full_name(), method.name()),
            "responses": {
                "200": self.response(schemas),
                "default": { "$ref": "#/components/responses/Error" },
            },
        });
        let file = service.parent_file();
        if let Some(comment) = self.comments.find(file.name(), method.path()) {
            operation["summary"] = json!(first_sentence(comment));
            operation["description"] = json!(comment);
        }
        let options = method.method_descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            operation["deprecated"] = json!(true);
        }
        let mut parameters = self.path_parameters(schemas);
        parameters.extend(self.query_parameters(schemas));
        if !parameters.is_empty() {
            operation["parameters"] = json!(parameters);
        }
        if let Some(body) = self.body(schemas) {
            operation["requestBody"] = body;
        }
        operation
    }

    fn path_parameters(&self, schemas: &mut Schemas<'_>) -> Vec<Value> {
        let fields: Vec<&FieldDescriptor> = self.binding.captured_fields().collect();
        let template = self.binding.template();
        let describe = |parameter: &path::PathParameter| {
            let mut schema = json!({ "type": "string" });
            let mut notes = Vec::new();
            if let Some(variable) = parameter.variable {
                let (name, field) = (&template.variables[variable].field_path, fields[variable]);
                if parameter.is_whole {
                    schema = schemas.kind(&field.kind());
                    if parameter.name != *name {
                        notes.push(format!("The field `{name}`."));
                    }
                } else {
                    let pattern = path::pattern(template, variable, self.path);
                    notes.push(format!("The field `{name}` is `{pattern}`."));
                }
                notes.extend(self.comments.of_field(field).map(str::to_owned));
            }
            if parameter.is_rest {
                notes.push("It takes all that is left of the path, slashes included.".to_owned());
            }
            let mut described = json!({
                "name": parameter.name,
                "in": "path",
                "required": true,
                "schema": schema,
            });
            if !notes.is_empty() {
                described["description"] = json!(notes.join("\n\n"));
            }
            described
        };
        self.path.parameters.iter().map(describe).collect()
    }

    /// The fields that neither path nor body sets, and whose JSON is one value or a list of such.
    fn query_parameters(&self, schemas: &mut Schemas<'_>) -> Vec<Value> {
        let in_body = match self.binding.body() {
            Body::Whole | Body::RawWhole => return Vec::new(),
            Body::Ignored => None,
            Body::Field(field) | Body::RawField(field) => Some(field),
        };
        let variables = &self.binding.template().variables;
        let mut query = Query {
            in_path: variables
                .iter()
                .map(|variable| &*variable.field_path)
                .collect(),
            comments: self.comments,
            schemas,
            parameters: Vec::new(),
        };
        let input = self.binding.method().input();
        let mut around = vec![input.clone()];
        for field in input.fields().filter(|field| Some(field) != in_body) {
            query.add(&field, field.name(), field.json_name(), &mut around);
        }
        query.parameters
    }

    fn body(&self, schemas: &mut Schemas<'_>) -> Option<Value> {
        let (content_type, schema) = match self.binding.body() {
            Body::Ignored => return None,
            Body::Whole => (JSON, schemas.message(&self.binding.method().input())),
            Body::Field(field) => (JSON, schemas.field(field)),
            Body::RawWhole | Body::RawField(_) => ("*/*", json!({})),
        };
        Some(json!({ "content": { content_type: { "schema": schema } } }))
    }

    fn response(&self, schemas: &mut Schemas<'_>) -> Value {
        let method = self.binding.method();
        let output = method.output();
        let comment = match self.binding.response_field() {
            Some(field) => self.comments.of_field(field),
            None => self
                .comments
                .find(output.parent_file().name(), output.path()),
        };
        let description = comment.unwrap_or("The answer.");
        if self.binding.is_raw() {
            return json!({ "description": description, "content": { "*/*": { "schema": {} } } });
        }
        let schema = match self.binding.response_field() {
            None => schemas.message(&output),
            Some(field) if field.supports_presence() => {
                json!({ "anyOf": [schemas.field(field), { "type": "null" }] })
            }
            Some(field) => schemas.field(field),
        };
        if !method.is_server_streaming() {
            return json!({ "description": description, "content": { JSON: { "schema": schema } } });
        }
        let failure = json!({
            "type": "object",
            "description": "The last line of a stream that fails.",
            "properties": { "error": schema::reference(schema::ERROR) },
            "required": ["error"],
        });
        json!({
            "description": format!(
                "{description}\n\nThis is a stream: a line of JSON per message, or server-sent events for those who accept them."
            ),
            "content": {
                JSON: { "schema": { "description": "One line.", "anyOf": [schema, failure] } },
                "text/event-stream": {
                    "schema": {
                        "type": "string",
                        "description": "Events whose data is a message as JSON; one named `error` ends a stream that fails.",
                    },
                },
            },
        })
    }
}

const JSON: &str = "application/json";

struct Query<'a, 'b> {
    in_path: Vec<&'a str>,
    comments: &'a Comments,
    schemas: &'a mut Schemas<'b>,
    parameters: Vec<Value>,
}

impl Query<'_, '_> {
    /// `path` is how a rule would write the field, `name` how JSON does; `around` are the messages that it is in.
    fn add(
        &mut self,
        field: &FieldDescriptor,
        path: &str,
        name: &str,
        around: &mut Vec<MessageDescriptor>,
    ) {
        if self.in_path.contains(&path) || field.is_map() {
            return;
        }
        if let Kind::Message(message) = field.kind()
            && !has_text_form(&message)
        {
            // A message within itself has no last parameter.
            if field.is_list() || around.len() >= QUERY_DEPTH || around.contains(&message) {
                return;
            }
            around.push(message.clone());
            for inner in message.fields() {
                let path = format!("{path}.{}", inner.name());
                let name = format!("{name}.{}", inner.json_name());
                self.add(&inner, &path, &name, around);
            }
            around.pop();
            return;
        }
        let schema = self.schemas.kind(&field.kind());
        let schema = match field.is_list() {
            true => json!({ "type": "array", "items": schema }),
            false => schema,
        };
        let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
        if let Some(comment) = self.comments.of_field(field) {
            parameter["description"] = json!(comment);
        }
        if schema::is_deprecated(field) {
            parameter["deprecated"] = json!(true);
        }
        self.parameters.push(parameter);
    }
}

/// What any operation may answer instead.
pub(super) fn error_response() -> Value {
    json!({
        "description": "There is no answer. The status is that of the gRPC code. A refusal by the service is 500 and has \
                        nothing but its text.",
        "content": {
            JSON: { "schema": schema::reference(schema::ERROR) },
            "text/plain": { "schema": { "type": "string" } },
        },
    })
}

fn first_sentence(comment: &str) -> String {
    let paragraph = comment.split("\n\n").next().unwrap_or(comment);
    let line = paragraph.replace('\n', " ");
    match line.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => line,
    }
}
