//! Responses rendered as JSON, whole, in part, or raw.

use bytes::Bytes;
use cloudstate_proxy::transcoding::{Rendered, ResponseError, Transcoder};
use http::Method;
use prost::Message;
use prost_reflect::{DynamicMessage, Value};

use crate::{found, pool};

fn rules() -> Transcoder {
    crate::transcoder(include_str!("../proto/rules.proto"))
}

fn encoded(json: &str) -> Bytes {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(pool::everything("test.Everything"), &mut deserializer)
        .unwrap()
        .encode_to_vec()
        .into()
}

fn rendered(path: &str, message: &Bytes) -> Result<Rendered, ResponseError> {
    found(&rules(), &Method::GET, path).response(message)
}

fn json(path: &str, message: &Bytes) -> String {
    let rendered = rendered(path, message).unwrap();
    assert_eq!(rendered.content_type, "application/json");
    String::from_utf8(rendered.body.to_vec()).unwrap()
}

#[test]
fn defaults_are_printed_and_what_is_unset_is_not() {
    assert_eq!(
        json("/parts/whole", &Bytes::new()),
        concat!(
            r#"{"fDouble":0.0,"fFloat":0.0,"fInt32":0,"fInt64":"0","fUint32":0,"fUint64":"0","fSint32":0,"#,
            r#""fSint64":"0","fFixed32":0,"fFixed64":"0","fSfixed32":0,"fSfixed64":"0","fBool":false,"fString":"","#,
            r#""fBytes":"","fEnum":"NONE","inners":[],"packedInt32":[],"unpackedSint64":[],"doubles":[],"strings":[],"#,
            r#""blobs":[],"colors":[],"bools":[],"counts":{},"byNumber":{},"byBool":{},"farAway":"","times":[]}"#,
        )
    );
}

#[test]
fn responses_may_be_one_field() {
    let message = encoded(
        r#"{
            "fInt64": "9007199254740993", "fBytes": "+/8=", "fString": "a\"é", "fEnum": 7, "fDouble": "NaN",
            "inner": {"inner": {}}, "unpackedSint64": ["-1", "2"], "counts": {"b": 2, "a": 1},
            "byNumber": {"10": {}, "-1": {}, "9": {}}, "byId": 0, "at": "2020-01-02T03:04:05Z",
            "wrappedInt64": "5", "wrappedDouble": "Infinity"
        }"#,
    );
    let defaults = json("/parts/whole", &Bytes::new());
    let by_number = format!(r#"{{"-1":{defaults},"9":{defaults},"10":{defaults}}}"#);
    let inner = defaults.replace(r#""inners""#, &format!(r#""inner":{defaults},"inners""#));
    for (path, expected) in [
        ("/parts/f_int64", r#""9007199254740993""#),
        ("/parts/f_bytes", r#""+/8=""#),
        ("/parts/f_string", r#""a\"é""#),
        ("/parts/f_enum", r#""DARK_BLUE""#),
        ("/parts/f_double", r#""NaN""#),
        ("/parts/inner", &inner),
        ("/parts/unpacked_sint64", r#"["-1","2"]"#),
        ("/parts/counts", r#"{"a":"1","b":"2"}"#),
        ("/parts/by_number", &by_number),
        ("/parts/maybe", "null"),
        ("/parts/by_id", "0"),
        ("/parts/at", r#""2020-01-02T03:04:05Z""#),
        ("/parts/wrapped_int64", r#""5""#),
        ("/parts/wrapped_double", r#""Infinity""#),
    ] {
        assert_eq!(json(path, &message), expected, "{path}");
    }
    for (path, expected) in [
        ("/parts/f_int64", r#""0""#),
        ("/parts/inner", "null"),
        ("/parts/counts", "{}"),
        ("/parts/f_enum", r#""NONE""#),
        ("/parts/at", "null"),
    ] {
        assert_eq!(json(path, &Bytes::new()), expected, "{path}");
    }
}

#[test]
fn enum_values_without_a_name_are_numbers() {
    assert_eq!(json("/parts/f_enum", &encoded(r#"{"fEnum":99}"#)), "99");
}

#[test]
fn well_known_types_have_their_own_json() {
    let text = r#"{"structure":{"a":[1.0,null,"x"]},"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"},"mask":"fString","span":"1.500s"}"#;
    let whole: serde_json::Value =
        serde_json::from_str(&json("/parts/whole", &encoded(text))).unwrap();
    let expected: serde_json::Value = serde_json::from_str(text).unwrap();
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&whole[key], value);
    }
}

#[test]
fn http_bodies_are_sent_as_they_are() {
    let rules = rules();
    let raw = found(&rules, &Method::POST, "/raw");
    let png = Bytes::from_static(b"\x0a\x09image/png\x12\x02\x00\xff");
    let rendered = raw.response(&png).unwrap();
    assert_eq!(rendered.content_type, "image/png");
    assert_eq!(&rendered.body[..], [0, 255]);
    assert_eq!(
        raw.response(&Bytes::new()).unwrap().content_type,
        "application/octet-stream"
    );

    let page = encoded(r#"{"raw":{"contentType":"text/html","data":"aGk="}}"#);
    let rendered = self::rendered("/parts/raw", &page).unwrap();
    assert_eq!(rendered.content_type, "text/html");
    assert_eq!(&rendered.body[..], b"hi");

    let error = raw
        .response(&Bytes::from_static(b"\x0a\x01\x00"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the response's content type "\0" is not a valid header value"#
    );
}

#[test]
fn what_cannot_be_rendered_is_an_error() {
    let error = rendered("/parts/whole", &Bytes::from_static(&[0x72, 0x01, 0xff])).unwrap_err();
    assert!(
        matches!(&error, ResponseError::Malformed { message, .. } if message == "test.Everything")
    );

    let mut message = DynamicMessage::new(pool::everything("test.Everything"));
    let mut any = DynamicMessage::new(pool::everything("google.protobuf.Any"));
    any.set_field_by_name(
        "type_url",
        Value::String("type.googleapis.com/un.Known".to_owned()),
    );
    message.set_field_by_name("any", Value::Message(any));
    let error = rendered("/parts/whole", &message.encode_to_vec().into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the test.Everything of the response has no JSON form: message 'un.Known' not found"
    );
}
