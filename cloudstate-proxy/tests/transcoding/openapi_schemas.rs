//! Whatever is answered is as the schemas of the OpenAPI document say.

use std::sync::OnceLock;

use base64::Engine;
use bytes::Bytes;
use http::Method;
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

use crate::{
    arbitrary, found, openapi,
    properties::{exact_in_json, rules},
};

const PROTO: &str = include_str!("../proto/rules.proto");

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| openapi::document(PROTO))
}

/// The schema of what a path answers.
fn schema(path: &str) -> &'static Value {
    &document()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
}

proptest! {
    #![proptest_config(arbitrary::config())]

    #[test]
    fn every_response_is_as_its_schema_says(message in exact_in_json()) {
        let encoded = Bytes::from(message.encode_to_vec());
        for path in [
            "whole", "f_int64", "f_bytes", "f_string", "f_enum", "f_double", "inner", "unpacked_sint64", "counts",
            "by_number", "maybe", "by_id", "wrapped_int64", "wrapped_double",
        ] {
            let path = format!("/parts/{path}");
            let rendered = found(rules(), &Method::GET, &path).response(&encoded).unwrap();
            let value: Value = serde_json::from_slice(&rendered.body).unwrap();
            if let Err(error) = check(schema(&path), &value) {
                panic!("{path}: {error}\n{value}");
            }
        }
    }
}

#[test]
fn the_types_that_have_json_of_their_own_fit_too() {
    let post = found(rules(), &Method::POST, "/body");
    for body in [
        r#"{"at": "2020-01-02T03:04:05.600Z", "span": "-1.500s", "mask": "fString,inner.fInt32"}"#,
        r#"{"structure": {"a": [1, null, {"b": true}]}, "times": ["1970-01-01T00:00:00Z"]}"#,
        r#"{"any": {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "5"}}"#,
        r#"{"fDouble": "NaN", "fFloat": "-Infinity", "wrappedBool": false, "fEnum": 12}"#,
    ] {
        let encoded = post.request(None, None, body.as_bytes()).unwrap();
        let rendered = post.response(&encoded).unwrap();
        let value: Value = serde_json::from_slice(&rendered.body).unwrap();
        check(schema("/parts/whole"), &value).unwrap();
    }
}

#[test]
fn what_no_response_may_be_is_against_its_schema() {
    for wrong in [
        json!({ "fString": 5 }),
        json!({ "fInt64": 5 }),
        json!({ "fInt32": "5" }),
        json!({ "fUint32": -5 }),
        json!({ "fBytes": "%" }),
        json!({ "fDouble": "many" }),
        json!({ "fEnum": "PINK" }),
        json!({ "f_string": "by its other name" }),
        json!({ "inner": { "inners": [{ "fBool": "true" }] } }),
        json!({ "byName": "one", "byId": 2 }),
        json!({ "counts": { "a": 5 } }),
        json!([]),
    ] {
        assert!(check(schema("/parts/whole"), &wrong).is_err(), "{wrong}");
    }
}

/// Whether a value is as a schema says. Stricter than JSON Schema where a schema lists properties: there are no others.
fn check(schema: &Value, value: &Value) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{value} is not {what} of {schema}"));
    let list = |keyword: &'static str| schema[keyword].as_array().unwrap().iter();
    let fits = |schema: &&Value| check(schema, value).is_ok();
    for (keyword, operand) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$ref" => {
                let pointer = operand.as_str().unwrap().strip_prefix('#').unwrap();
                check(document().pointer(pointer).unwrap(), value)?;
            }
            "type" => {
                let is_it = match operand.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("{other} is no type"),
                };
                if !is_it {
                    return wrong("the type");
                }
            }
            "enum" if !list("enum").any(|allowed| allowed == value) => return wrong("in the enum"),
            "anyOf" if !list("anyOf").any(|schema| fits(&schema)) => return wrong("any"),
            "oneOf" if list("oneOf").filter(fits).count() != 1 => return wrong("one"),
            "allOf" => list("allOf").try_for_each(|schema| check(schema, value))?,
            "not" if fits(&operand) => return wrong("what it must not be"),
            "required"
                if list("required").any(|name| value.get(name.as_str().unwrap()).is_none()) =>
            {
                return wrong("with all properties");
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match operand.get(name) {
                        Some(schema) => check(schema, value)?,
                        // What stands beside it is the fields of another type.
                        None if operand.get("@type").is_some() => {}
                        None => return Err(format!("{name} is no property of {schema}")),
                    }
                }
            }
            "additionalProperties" => {
                for value in value
                    .as_object()
                    .into_iter()
                    .flat_map(|object| object.values())
                {
                    check(operand, value)?;
                }
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    check(operand, value)?;
                }
            }
            "minimum" if value.as_i64() < operand.as_i64() => return wrong("large enough"),
            "maximum" if value.as_i64() > operand.as_i64() => return wrong("small enough"),
            "contentEncoding" => {
                assert_eq!(operand, "base64");
                let text = value.as_str().unwrap_or("%");
                if base64::prelude::BASE64_STANDARD.decode(text).is_err() {
                    return wrong("in the encoding");
                }
            }
            "pattern" if operand.as_str().unwrap().ends_with("s$") => {
                let seconds = value.as_str().and_then(|text| text.strip_suffix('s'));
                if seconds.is_none_or(|seconds| seconds.parse::<f64>().is_err()) {
                    return wrong("in the pattern");
                }
            }
            "enum" | "anyOf" | "oneOf" | "not" | "required" | "minimum" | "maximum" | "format"
            | "description" | "deprecated" => {}
            other => panic!("{other} is not checked"),
        }
    }
    Ok(())
}
