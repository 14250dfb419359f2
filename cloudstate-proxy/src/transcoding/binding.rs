//! One rule, checked against its method's messages and ready to be applied.

use bytes::Bytes;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

use super::error::{Place, RequestError, ResponseError};
use super::routes::Verb;
use super::rule::{Rule, RuleProblem};
use super::template::{Segment, Template, Variable};
use super::{Rendered, json, parameter, percent, render};

/// The message that stands for a raw HTTP body.
const HTTP_BODY: &str = "google.api.HttpBody";

/// A rule of a method: what it matches, and how requests and responses look.
#[derive(Debug)]
pub(crate) struct Binding {
    method: MethodDescriptor,
    index: usize,
    rule: String,
    verb: Verb,
    template: Template,
    input: MessageDescriptor,
    output: MessageDescriptor,
    captures: Box<[Capture]>,
    body: Body,
    /// The field that is the response; `None` for the whole message.
    response_field: Option<FieldDescriptor>,
    /// The response, or its field, is a `google.api.HttpBody`.
    raw_response: bool,
}

/// What the body of a request is read into.
#[derive(Debug)]
pub(crate) enum Body {
    Ignored,
    Whole,
    Field(FieldDescriptor),
    RawWhole,
    RawField(FieldDescriptor),
}

/// A path variable.
#[derive(Debug)]
struct Capture {
    name: String,
    /// The messages on the way to `field`.
    parents: Box<[FieldDescriptor]>,
    field: FieldDescriptor,
    kind: Kind,
    /// Index of the first captured segment.
    start: usize,
    /// Index after the last captured segment; `None` if the variable takes the rest of the path.
    end: Option<usize>,
    /// More than one segment can be captured.
    is_multi: bool,
}

impl Binding {
    pub(super) fn new(
        method: &MethodDescriptor,
        index: usize,
        rule: &Rule,
    ) -> Result<Self, RuleProblem> {
        let (input, output) = (method.input(), method.output());
        let captures = rule
            .template
            .variables
            .iter()
            .map(|variable| Capture::new(&input, &rule.template, variable))
            .collect::<Result<_, _>>()?;
        let body = match &*rule.body {
            "" => Body::Ignored,
            "*" if input.full_name() == HTTP_BODY => Body::RawWhole,
            "*" => Body::Whole,
            name => {
                let field = field_of(&input, name, "the body")?;
                if is_http_body(&field) {
                    Body::RawField(field)
                } else {
                    Body::Field(field)
                }
            }
        };
        let response_field = match &*rule.response_body {
            "" => None,
            name => Some(field_of(&output, name, "the response body")?),
        };
        let raw_response = match &response_field {
            Some(field) => is_http_body(field),
            None => output.full_name() == HTTP_BODY,
        };
        Ok(Self {
            method: method.clone(),
            index,
            rule: rule.to_string(),
            verb: rule.verb.clone(),
            template: rule.template.clone(),
            input,
            output,
            captures,
            body,
            response_field,
            raw_response,
        })
    }

    pub(crate) fn method(&self) -> &MethodDescriptor {
        &self.method
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn rule(&self) -> &str {
        &self.rule
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.raw_response
    }

    pub(crate) fn verb(&self) -> &Verb {
        &self.verb
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// The fields that the template's variables set, in their order.
    pub(crate) fn captured_fields(&self) -> impl Iterator<Item = &FieldDescriptor> {
        self.captures.iter().map(|capture| &capture.field)
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    /// The field that is the response; `None` for the whole message.
    pub(crate) fn response_field(&self) -> Option<&FieldDescriptor> {
        self.response_field.as_ref()
    }

    /// `path` is what the template matched, without the leading `/` and without the suffix.
    pub(super) fn request(
        &self,
        path: &str,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, RequestError> {
        let mut message = self.read_body(content_type, body)?;
        if let Some(query) = query {
            match &self.body {
                Body::Whole | Body::RawWhole => {}
                Body::Ignored => parameter::apply_query(&mut message, query, None)?,
                Body::Field(field) | Body::RawField(field) => {
                    parameter::apply_query(&mut message, query, Some(field))?;
                }
            }
        }
        for capture in &self.captures {
            capture.apply(&mut message, path)?;
        }
        Ok(message.encode_to_vec().into())
    }

    fn read_body(
        &self,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<DynamicMessage, RequestError> {
        let mut message = DynamicMessage::new(self.input.clone());
        match &self.body {
            Body::Whole if !body.is_empty() => {
                json::check_content_type(content_type, body)?;
                return json::parse_message(&self.input, body);
            }
            Body::Field(field) if !body.is_empty() => {
                json::check_content_type(content_type, body)?;
                return json::parse_field(&self.input, field, body);
            }
            Body::RawWhole => fill_http_body(&mut message, content_type, body),
            Body::RawField(field) => {
                if let Some(inner) = message.get_field_mut(field).as_message_mut() {
                    fill_http_body(inner, content_type, body);
                }
            }
            Body::Ignored | Body::Whole | Body::Field(_) => {}
        }
        Ok(message)
    }

    pub(super) fn response(&self, message: &Bytes) -> Result<Rendered, ResponseError> {
        let decoded =
            DynamicMessage::decode(self.output.clone(), message.clone()).map_err(|error| {
                ResponseError::Malformed {
                    message: self.output.full_name().to_owned(),
                    reason: error.to_string(),
                }
            })?;
        let Some(field) = &self.response_field else {
            return if self.raw_response {
                render::http_body(&decoded)
            } else {
                render::message(&decoded)
            };
        };
        let value = decoded.get_field(field);
        match &*value {
            Value::Message(body) if self.raw_response => render::http_body(body),
            value => render::field(&decoded, field, value),
        }
    }
}

impl Capture {
    fn new(
        input: &MessageDescriptor,
        template: &Template,
        variable: &Variable,
    ) -> Result<Self, RuleProblem> {
        let bad = |what| RuleProblem::BadVariable {
            field: variable.field_path.clone(),
            what,
        };
        let mut parents = Vec::new();
        let mut message = input.clone();
        let mut names = variable.field_path.split('.').peekable();
        let field = loop {
            // Splitting gives at least one name, and the loop ends at the last one.
            let name = names.next().unwrap_or_default();
            let field = field_of(&message, name, "the path")?;
            if field.is_map() {
                return Err(bad("a map"));
            }
            if field.is_list() {
                return Err(bad("repeated"));
            }
            match field.kind() {
                Kind::Message(_) if names.peek().is_none() => return Err(bad("a message")),
                _ if names.peek().is_none() => break field,
                Kind::Message(inner) => message = inner,
                _ => return Err(bad("inside a field that is not a message")),
            }
            parents.push(field);
        };
        let captured = &template.segments[variable.start..variable.end];
        let takes_rest = captured.last() == Some(&Segment::Rest);
        Ok(Self {
            name: variable.field_path.clone(),
            parents: parents.into(),
            kind: field.kind(),
            field,
            start: variable.start,
            end: (!takes_rest).then_some(variable.end),
            is_multi: takes_rest || captured.len() > 1,
        })
    }

    fn apply(&self, mut message: &mut DynamicMessage, path: &str) -> Result<(), RequestError> {
        let captured = captured(path, self.start, self.end);
        let decoded = if self.is_multi {
            percent::decode_multi_segment(captured)
        } else {
            percent::decode_path(captured)
        };
        let text = decoded.map_err(|_| RequestError::NotUtf8 {
            place: Place::Path,
            name: self.name.clone(),
        })?;
        let value = parameter::parse(&self.kind, &text, Place::Path, &self.name)?;
        for parent in &self.parents {
            // Compiling the rule made sure that the parents are messages.
            let Some(inner) = message.get_field_mut(parent).as_message_mut() else {
                return Ok(());
            };
            message = inner;
        }
        message.set_field(&self.field, value);
        Ok(())
    }
}

/// The segments of `path` from `start` up to `end`.
fn captured(path: &str, start: usize, end: Option<usize>) -> &str {
    let slash_before = |segment: usize| path.match_indices('/').nth(segment - 1);
    let from = match start {
        0 => 0,
        // A variable that takes the rest of the path may find none left.
        _ => slash_before(start).map_or(path.len(), |(slash, _)| slash + 1),
    };
    let to = end
        .and_then(slash_before)
        .map_or(path.len(), |(slash, _)| slash);
    path.get(from..to).unwrap_or_default()
}

fn field_of(
    message: &MessageDescriptor,
    name: &str,
    part: &'static str,
) -> Result<FieldDescriptor, RuleProblem> {
    message
        .get_field_by_name(name)
        .ok_or_else(|| RuleProblem::UnknownField {
            part,
            field: name.to_owned(),
            message: message.full_name().to_owned(),
        })
}

fn is_http_body(field: &FieldDescriptor) -> bool {
    !field.is_list()
        && matches!(field.kind(), Kind::Message(message) if message.full_name() == HTTP_BODY)
}

fn fill_http_body(message: &mut DynamicMessage, content_type: Option<&str>, body: &[u8]) {
    let content_type = content_type.unwrap_or_default().to_owned();
    let data = Bytes::copy_from_slice(body);
    // A service that declares the message with other fields gets what it declared: nothing.
    let _ = message.try_set_field_by_name("content_type", Value::String(content_type));
    let _ = message.try_set_field_by_name("data", Value::Bytes(data));
}
