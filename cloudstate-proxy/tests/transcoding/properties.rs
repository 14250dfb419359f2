//! Whatever goes in comes out, and nothing makes the transcoder panic.

use std::fmt::Write;
use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use cloudstate_proxy::transcoding::{Routed, Transcoder};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use crate::{arbitrary, found, pool};

fn everything() -> MessageDescriptor {
    pool::everything("test.Everything")
}

/// Compiled once: the properties ask often.
pub(crate) fn rules() -> &'static Transcoder {
    static RULES: OnceLock<Transcoder> = OnceLock::new();
    RULES.get_or_init(|| crate::transcoder(include_str!("../proto/rules.proto")))
}

/// A scalar as a client may write it.
fn text_of(value: &Value, url_safe: bool) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) | Value::EnumNumber(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) if value.is_infinite() => infinity(*value > 0.0),
        Value::F32(value) => value.to_string(),
        Value::F64(value) if value.is_infinite() => infinity(*value > 0.0),
        Value::F64(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Bytes(value) if url_safe => BASE64_URL_SAFE_NO_PAD.encode(value),
        Value::Bytes(value) => BASE64_STANDARD.encode(value),
        other => panic!("{other:?} is no scalar"),
    }
}

fn infinity(positive: bool) -> String {
    let text = if positive { "Infinity" } else { "-Infinity" };
    text.to_owned()
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Messages of nothing but scalars and lists of them, at the top and one level down.
fn scalars() -> impl Strategy<Value = DynamicMessage> {
    let inner = arbitrary::message(&everything(), 0);
    (arbitrary::message(&everything(), 0), option::of(inner)).prop_map(|(mut message, inner)| {
        message.clear_field_by_name("by_bool");
        message.clear_field_by_name("counts");
        if let Some(mut inner) = inner {
            inner.clear_field_by_name("by_bool");
            inner.clear_field_by_name("counts");
            // A query has no way to say that a message is there, but empty.
            if inner.encoded_len() > 0 {
                message.set_field_by_name("inner", Value::Message(inner));
            }
        }
        message
    })
}

fn push_query(query: &mut String, prefix: &str, message: &DynamicMessage, variant: bool) {
    for (field, value) in message.fields() {
        let name = if variant {
            field.name()
        } else {
            field.json_name()
        };
        let values = match value {
            Value::Message(inner) => {
                push_query(query, &format!("{prefix}{name}."), inner, variant);
                continue;
            }
            Value::List(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            let value = escaped(&text_of(value, variant));
            let value = if variant {
                value
            } else {
                value.replace("%20", "+")
            };
            write!(query, "&{prefix}{name}={value}").unwrap();
        }
    }
}

/// Fields that a path can set, with a value for each.
fn path_field() -> impl Strategy<Value = (FieldDescriptor, Value)> {
    let fields: Vec<_> = everything()
        .fields()
        .filter(|field| field.number() <= 16)
        .collect();
    select(fields).prop_flat_map(|field| {
        let value = arbitrary::single(&field.kind(), 0);
        (Just(field), value)
    })
}

/// Messages whose JSON form says everything about them.
pub(crate) fn exact_in_json() -> impl Strategy<Value = DynamicMessage> {
    let message = arbitrary::message(&everything(), 3);
    message.prop_map(|mut message| {
        clear_inexact(&mut message);
        message
    })
}

/// Well-known types of arbitrary content may have no JSON form, or one that normalises them.
fn clear_inexact(message: &mut DynamicMessage) {
    for name in ["at", "span", "mask", "structure", "any", "times"] {
        message.clear_field_by_name(name);
    }
    if let Some(mut raw) = message.take_field_by_name("raw") {
        if let Some(body) = raw.as_message_mut() {
            body.clear_field_by_name("extensions");
        }
        message.set_field_by_name("raw", raw);
    }
    for (field, value) in message.fields_mut() {
        let Some(kind) = field.kind().as_message().cloned() else {
            continue;
        };
        let is_everything = |message: &DynamicMessage| {
            prost_reflect::ReflectMessage::descriptor(message).full_name() == "test.Everything"
        };
        match value {
            Value::Message(inner) if is_everything(inner) => clear_inexact(inner),
            Value::List(values) if kind.full_name() == "test.Everything" => {
                values
                    .iter_mut()
                    .filter_map(Value::as_message_mut)
                    .for_each(clear_inexact);
            }
            Value::Map(entries) => {
                entries
                    .values_mut()
                    .filter_map(Value::as_message_mut)
                    .for_each(clear_inexact);
            }
            _ => {}
        }
    }
}

/// Texts that are nearly something.
fn fragments(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(of).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const PATH: &[&str] = &[
    "/",
    "/",
    "/",
    ":",
    "%2F",
    "%",
    "by",
    "f_int32",
    "f_string",
    "body",
    "inner",
    "query",
    "parts",
    "raw",
    "a",
    "1",
    "-",
    "+",
    "//",
    "test.Rules",
    "Default",
    "%FF",
    "é",
];
const QUERY: &[&str] = &[
    "&",
    "=",
    ".",
    "inner",
    "f_string",
    "fInt32",
    "by_value",
    "at",
    "mask",
    "span",
    "strings",
    "counts",
    "1",
    "%",
    "%20",
    "+",
    "2020-01-02T03:04:05Z",
    "raw",
    "wrapped_bool",
    "true",
    "any",
    "structure",
    "-1s",
];
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"inner\":",
    "\"fString\":",
    "\"counts\":",
    "\"at\":",
    "\"any\":",
    "\"@type\":",
    "\"type.googleapis.com/test.Everything\"",
    "\"x\"",
    "1",
    "-1.5e3",
    "true",
    "null",
    "\\",
    "\\u00",
    " ",
    "\n",
    "\"structure\":",
    "\"2020-01-02T03:04:05Z\"",
    "\"inners\":",
    "é",
];

proptest! {
    #![proptest_config(arbitrary::config())]

    #[test]
    fn queries_carry_every_scalar(message in scalars(), variant: bool) {
        let mut query = String::new();
        push_query(&mut query, "", &message, variant);
        let request = found(rules(), &Method::GET, "/query").request(Some(&query), None, b"");
        prop_assert_eq!(request.unwrap(), message.encode_to_vec());
    }

    #[test]
    fn paths_carry_every_scalar((field, value) in path_field(), variant: bool) {
        let text = escaped(&text_of(&value, variant));
        let path = format!("/by/{}/{text}", field.name());
        match rules().route(&Method::GET, &path) {
            Routed::Found(found) => {
                let mut message = DynamicMessage::new(everything());
                message.set_field(&field, value);
                prop_assert_eq!(found.request(None, None, b"").unwrap(), message.encode_to_vec());
            }
            other => prop_assert!(text.is_empty(), "{}: {:?}", path, other),
        }
    }

    #[test]
    fn json_carries_every_message(message in exact_in_json()) {
        let encoded = Bytes::from(message.encode_to_vec());
        let post = found(rules(), &Method::POST, "/body");
        let rendered = post.response(&encoded).unwrap();
        let request = post.request(None, Some("application/json"), &rendered.body).unwrap();
        let decode = |bytes: &Bytes| DynamicMessage::decode(everything(), bytes.clone()).unwrap();
        prop_assert_eq!(decode(&request), decode(&encoded));
    }

    #[test]
    fn no_request_makes_it_panic(
        path in fragments(PATH),
        query in option::of(fragments(QUERY)),
        body in fragments(JSON),
        verb in select(vec![Method::GET, Method::POST, Method::PUT]),
    ) {
        let path = format!("/{path}");
        for path in [&path, "/query", "/body", "/body/inners", "/body/counts", "/body/at", "/raw"] {
            if let Routed::Found(found) = rules().route(&verb, path) {
                // Only that it comes back matters.
                let _ = found.request(query.as_deref(), None, body.as_bytes());
            }
        }
    }

    #[test]
    fn no_response_makes_it_panic(bytes in vec(prop_oneof![0..4u8, any::<u8>()], 0..32)) {
        let bytes = Bytes::from(bytes);
        for path in ["/parts/whole", "/parts/inner", "/parts/raw", "/parts/by_number"] {
            let _ = found(rules(), &Method::GET, path).response(&bytes);
        }
    }
}
