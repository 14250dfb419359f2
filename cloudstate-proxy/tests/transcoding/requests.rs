//! Requests built from path, query and body.

use cloudstate_proxy::transcoding::Transcoder;
use http::Method;
use prost_reflect::DynamicMessage;

use crate::{found, pool};

fn rules() -> Transcoder {
    crate::transcoder(include_str!("../proto/rules.proto"))
}

/// The message that this text is the proto3 JSON of.
fn message(json: &str) -> DynamicMessage {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(pool::everything("test.Everything"), &mut deserializer).unwrap()
}

fn decoded(request: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(pool::everything("test.Everything"), request).unwrap()
}

#[track_caller]
fn assert_same(request: &[u8], json: &str) {
    let (actual, expected) = (decoded(request), message(json));
    // NaN does not equal itself, and the texts of maps have no order.
    if actual != expected {
        assert_eq!(actual.to_string(), expected.to_string());
    }
}

#[test]
fn queries_set_fields_of_every_kind() {
    let rules = rules();
    let query_of = found(&rules, &Method::GET, "/query");
    for (query, json) in [
        ("", "{}"),
        ("&&", "{}"),
        ("f_string=a+b%2Bc%26", r#"{"fString":"a b+c&"}"#),
        ("fString=%C3%A9", r#"{"fString":"é"}"#),
        ("f_string=", "{}"),
        ("f_string", "{}"),
        ("f_string=a=b", r#"{"fString":"a=b"}"#),
        ("f%5Fstring=x", r#"{"fString":"x"}"#),
        ("f_bool=true&f_int32=-5", r#"{"fBool":true,"fInt32":-5}"#),
        ("f_bool=FALSE", "{}"),
        (
            "f_int64=-9223372036854775808",
            r#"{"fInt64":"-9223372036854775808"}"#,
        ),
        (
            "f_uint64=18446744073709551615",
            r#"{"fUint64":"18446744073709551615"}"#,
        ),
        (
            "f_double=1e3&f_float=-0.5",
            r#"{"fDouble":1000,"fFloat":-0.5}"#,
        ),
        (
            "f_double=NaN&f_float=-Infinity",
            r#"{"fDouble":"NaN","fFloat":"-Infinity"}"#,
        ),
        ("f_enum=DARK_BLUE", r#"{"fEnum":"DARK_BLUE"}"#),
        ("f_enum=7", r#"{"fEnum":"DARK_BLUE"}"#),
        ("f_enum=-1", r#"{"fEnum":"INFRARED"}"#),
        ("f_bytes=-_8%3D", r#"{"fBytes":"+/8="}"#),
        ("f_bytes=%2B%2F8", r#"{"fBytes":"+/8="}"#),
        ("strings=a&strings=b", r#"{"strings":["a","b"]}"#),
        ("packed_int32=1&packedInt32=2", r#"{"packedInt32":[1,2]}"#),
        ("colors=RED&colors=7", r#"{"colors":["RED","DARK_BLUE"]}"#),
        (
            "inner.inner.fString=x&inner.f_int32=1",
            r#"{"inner":{"fInt32":1,"inner":{"fString":"x"}}}"#,
        ),
        (
            "inner.strings=a&inner.strings=b",
            r#"{"inner":{"strings":["a","b"]}}"#,
        ),
        (
            "at=2020-01-02T03:04:05.5Z",
            r#"{"at":"2020-01-02T03:04:05.5Z"}"#,
        ),
        (
            "times=2020-01-02T03:04:05Z",
            r#"{"times":["2020-01-02T03:04:05Z"]}"#,
        ),
        ("span=-1.5s", r#"{"span":"-1.5s"}"#),
        (
            "mask=fString,inner.fInt32",
            r#"{"mask":"fString,inner.fInt32"}"#,
        ),
        ("wrapped_int64=0", r#"{"wrappedInt64":"0"}"#),
        ("wrapped_bool=true", r#"{"wrappedBool":true}"#),
        ("wrapped_bytes=YQ", r#"{"wrappedBytes":"YQ=="}"#),
        ("wrapped_double=Infinity", r#"{"wrappedDouble":"Infinity"}"#),
        ("wrapped_string=a", r#"{"wrappedString":"a"}"#),
        ("at.seconds=5", r#"{"at":"1970-01-01T00:00:05Z"}"#),
        ("maybe=0", r#"{"maybe":0}"#),
        ("by_name=", r#"{"byName":""}"#),
        (
            "by_value.f_int32=1&by_value.f_bool=true",
            r#"{"byValue":{"fInt32":1,"fBool":true}}"#,
        ),
        ("raw.content_type=x", r#"{"raw":{"contentType":"x"}}"#),
    ] {
        let request = query_of.request(Some(query), None, b"").unwrap();
        assert_same(&request, json);
    }
}

#[test]
fn queries_that_fit_no_field_are_refused_by_name() {
    let rules = rules();
    let query_of = found(&rules, &Method::GET, "/query");
    let deep = ["inner"; 101].join(".") + ".f_string=x";
    for (query, expected) in [
        (
            "colour=red",
            "unknown query parameter `colour`: test.Everything has no field `colour`",
        ),
        (
            "inner.colour=red",
            "unknown query parameter `inner.colour`: test.Everything has no field `colour`",
        ),
        (
            "=1",
            "unknown query parameter ``: test.Everything has no field ``",
        ),
        (
            "inner..f_string=1",
            "unknown query parameter `inner..f_string`: test.Everything has no field ``",
        ),
        (
            "f_int32=many",
            "query parameter `f_int32` is not a 32-bit integer: `many`",
        ),
        (
            "f_int32=2147483648",
            "query parameter `f_int32` is not a 32-bit integer: `2147483648`",
        ),
        (
            "f_uint64=-1",
            "query parameter `f_uint64` is not an unsigned 64-bit integer: `-1`",
        ),
        (
            "f_bool=yes",
            "query parameter `f_bool` is not true or false: `yes`",
        ),
        (
            "f_double=inf",
            "query parameter `f_double` is not a number: `inf`",
        ),
        (
            "f_float=1e39",
            "query parameter `f_float` is not a number: `1e39`",
        ),
        (
            "f_bytes=a*b",
            "query parameter `f_bytes` is not base64: `a*b`",
        ),
        (
            "f_enum=PURPLE",
            "query parameter `f_enum` is not a value of the enum test.Color: `PURPLE`",
        ),
        (
            "at=yesterday",
            "query parameter `at` is not a google.protobuf.Timestamp (invalid rfc3339 timestamp: invalid date): `yesterday`",
        ),
        (
            "inner.f_bool=false&inner.fBool=true",
            "query parameter `inner.fBool` is given twice, but its field is not repeated",
        ),
        (
            "f_int32=1&f_int32=2",
            "query parameter `f_int32` is given twice, but its field is not repeated",
        ),
        (
            "counts=1",
            "query parameter `counts` is a map, which a query cannot set",
        ),
        (
            "counts.a=1",
            "query parameter `counts.a` reaches into a repeated field or a map",
        ),
        (
            "inners.f_int32=1",
            "query parameter `inners.f_int32` reaches into a repeated field or a map",
        ),
        (
            "f_string.x=1",
            "query parameter `f_string.x` reaches into a field that is not a message",
        ),
        (
            "inner=1",
            "query parameter `inner` is a message; set its fields, as in `a.b=value`",
        ),
        (
            "structure=1",
            "query parameter `structure` is a message; set its fields, as in `a.b=value`",
        ),
        (
            "by_name=a&by_id=1",
            "query parameter `by_id` sets a second member of a oneof",
        ),
        (
            "by_name=a&by_value.f_int32=1",
            "query parameter `by_value.f_int32` sets a second member of a oneof",
        ),
        (
            "f_string=%FF",
            "query parameter `f_string` is not UTF-8 once percent-decoded",
        ),
        (
            "%FF=1",
            "query parameter `%FF` is not UTF-8 once percent-decoded",
        ),
    ] {
        let error = query_of.request(Some(query), None, b"").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = query_of.request(Some(&deep), None, b"").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("` reaches deeper than messages may nest"),
        "{error}"
    );
    let long = format!("f_int32={}", "é".repeat(1000));
    let error = query_of.request(Some(&long), None, b"").unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn paths_set_fields_of_every_kind() {
    let rules = rules();
    for (path, json) in [
        ("/by/f_int64/-7", r#"{"fInt64":"-7"}"#),
        ("/by/f_enum/RED", r#"{"fEnum":"RED"}"#),
        ("/by/f_bytes/-_8", r#"{"fBytes":"+/8="}"#),
        (
            "/by/nested/x/7",
            r#"{"inner":{"fInt32":7,"inner":{"fString":"x"}}}"#,
        ),
        ("/by/choice/0", r#"{"byId":0}"#),
        ("/by/maybe/0", r#"{"maybe":0}"#),
    ] {
        let request = found(&rules, &Method::GET, path)
            .request(None, None, b"")
            .unwrap();
        assert_same(&request, json);
    }
    let error = found(&rules, &Method::GET, "/by/f_int32/x").request(None, None, b"");
    assert_eq!(
        error.unwrap_err().to_string(),
        "path variable `f_int32` is not a 32-bit integer: `x`"
    );
}

#[test]
fn paths_override_the_query() {
    let rules = rules();
    let by_string = found(&rules, &Method::GET, "/by/f_string/alice");
    let request = by_string
        .request(Some("f_string=bob&f_int32=1"), None, b"")
        .unwrap();
    assert_same(&request, r#"{"fString":"alice","fInt32":1}"#);
    let by_id = found(&rules, &Method::GET, "/by/choice/7");
    let request = by_id.request(Some("by_name=bob"), None, b"").unwrap();
    assert_same(&request, r#"{"byId":7}"#);
}

#[test]
fn bodies_are_read_into_the_field_of_the_rule() {
    let rules = rules();
    for (path, body, json) in [
        (
            "/body/inner/a/b",
            r#"{"f_string":"body","fInt32":1}"#,
            r#"{"inner":{"fString":"a","fInt32":1},"fString":"b"}"#,
        ),
        (
            "/body/inner/a/b",
            "",
            r#"{"inner":{"fString":"a"},"fString":"b"}"#,
        ),
        (
            "/body/inner/a/b",
            "null",
            r#"{"inner":{"fString":"a"},"fString":"b"}"#,
        ),
        (
            "/body/inners",
            r#"[{"fInt32":1},{}]"#,
            r#"{"inners":[{"fInt32":1},{}]}"#,
        ),
        ("/body/int64", r#""7""#, r#"{"fInt64":"7"}"#),
        ("/body/int64", "7", r#"{"fInt64":"7"}"#),
        ("/body/bytes", r#""YQ==""#, r#"{"fBytes":"YQ=="}"#),
        (
            "/body/counts",
            r#"{"a_b":1,"aB":"2"}"#,
            r#"{"counts":{"a_b":"1","aB":"2"}}"#,
        ),
        (
            "/body/at",
            r#""2020-01-02T03:04:05Z""#,
            r#"{"at":"2020-01-02T03:04:05Z"}"#,
        ),
    ] {
        let put = found(&rules, &Method::PUT, path);
        let request = put
            .request(None, Some("application/json"), body.as_bytes())
            .unwrap();
        assert_same(&request, json);
    }
    let put = found(&rules, &Method::PUT, "/body/int64");
    let request = put.request(Some("f_string=x"), None, b"7").unwrap();
    assert_same(&request, r#"{"fInt64":"7","fString":"x"}"#);
    let form = Some("application/x-www-form-urlencoded");
    assert_same(&put.request(None, form, b"7").unwrap(), r#"{"fInt64":"7"}"#);
    // The field of the same name further in does not come from the body.
    let put = found(&rules, &Method::PUT, "/body/inner/a/b");
    let request = put
        .request(Some("by_value.inner.f_int32=1"), None, b"{}")
        .unwrap();
    assert_same(
        &request,
        r#"{"inner":{"fString":"a"},"fString":"b","byValue":{"inner":{"fInt32":1}}}"#,
    );
}

#[test]
fn bodies_of_fields_have_errors_that_name_the_field() {
    let rules = rules();
    for (path, query, body, expected) in [
        (
            "/body/inners",
            None,
            r#"[{}, {"colour":1}]"#,
            "the body is not valid JSON for test.Everything.inners: unrecognized field name 'colour' at line 1 column 14 (in `[1].colour`)",
        ),
        (
            "/body/int64",
            None,
            r#"{"a":1}"#,
            "the body is not valid JSON for test.Everything.f_int64: invalid type: map, expected a 64-bit signed integer or decimal string at line 1 column 1",
        ),
        (
            "/body/counts",
            None,
            r#"{"a":1,"a":2}"#,
            "the body is not valid JSON for test.Everything.counts: `a` is given twice at line 1 column 10 (in `a`)",
        ),
        (
            "/body/int64",
            Some("f_int64=1"),
            "1",
            "query parameter `f_int64` is set by the body",
        ),
        (
            "/body/inners",
            Some("inners.f_int32=1"),
            "[]",
            "query parameter `inners.f_int32` is set by the body",
        ),
    ] {
        let put = found(&rules, &Method::PUT, path);
        let error = put.request(query, None, body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn keys_given_twice_are_refused_at_every_depth() {
    let rules = rules();
    let post = found(&rules, &Method::POST, "/body");
    for body in [
        r#"{"inner":{"fString":"a","f_string":"b"}}"#,
        r#"{"inners":[{},{"fBool":true,"fBool":true}]}"#,
        r#"{"byNumber":{"1":{"fInt32":1,"fInt32":2}}}"#,
        r#"{"byNumber":{"1":{},"1":{}}}"#,
        r#"{"structure":{"a":{"b":1,"b":2}}}"#,
        r#"{"fString":null,"fString":"a"}"#,
    ] {
        let error = post
            .request(None, None, body.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains("is given twice"), "{body}: {error}");
    }
    let body = br#"{"structure":{"fString":1,"f_string":2},"counts":{"fString":1,"f_string":2}}"#;
    assert!(post.request(None, None, body).is_ok());
}

#[test]
fn nesting_without_end_is_refused() {
    let rules = rules();
    let post = found(&rules, &Method::POST, "/body");
    let body = r#"{"inner":"#.repeat(100_000);
    let error = post
        .request(None, None, body.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains("recursion limit exceeded"), "{error}");
    let body = format!(r#"{{"{}":1}}"#, "x".repeat(1_000_000));
    let error = post
        .request(None, None, body.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.len() < 1000, "{} bytes", error.len());
}

#[test]
fn a_whole_body_leaves_nothing_to_the_query() {
    let rules = rules();
    let post = found(&rules, &Method::POST, "/body");
    let request = post.request(Some("f_int32=1&nonsense=2"), None, br#"{"fString":"a"}"#);
    assert_same(&request.unwrap(), r#"{"fString":"a"}"#);
    assert!(
        post.request(None, Some("text/plain"), b"")
            .unwrap()
            .is_empty()
    );
    let default = found(&rules, &Method::POST, "/test.Rules/Default");
    let request = default.request(None, Some("application/json"), br#"{"f_string":"a"}"#);
    assert_same(&request.unwrap(), r#"{"fString":"a"}"#);
}

#[test]
fn http_bodies_take_anything() {
    let rules = rules();
    let raw = found(&rules, &Method::POST, "/raw");
    let request = raw.request(None, Some("image/png"), &[0, 255]).unwrap();
    assert_eq!(&request[..], b"\x0a\x09image/png\x12\x02\x00\xff");
    assert!(raw.request(None, None, b"").unwrap().is_empty());

    let put = found(&rules, &Method::PUT, "/body/raw");
    let request = put
        .request(Some("f_string=x"), Some("text/plain"), b"hi")
        .unwrap();
    assert_same(
        &request,
        r#"{"fString":"x","raw":{"contentType":"text/plain","data":"aGk="}}"#,
    );
}
