//! Rules that cannot be served are refused, all at once.

use cloudstate_proxy::transcoding::{RuleProblem, Transcoder};

use crate::pool;

/// The errors of a service whose methods have these options.
fn errors(options: &[&str]) -> Vec<String> {
    let methods: String = (1..)
        .zip(options)
        .map(|(number, option)| {
            format!(
                "rpc M{number}(Everything) returns (Everything) {{ option (google.api.http) = {{ {option} }}; }}\n"
            )
        })
        .collect();
    let text = format!(
        r#"
        syntax = "proto3";
        package test;
        import "everything.proto";
        import "google/api/annotations.proto";
        service Bad {{ {methods} }}
        "#
    );
    let services: Vec<_> = pool::compile(&text).services().collect();
    match Transcoder::new(&services) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_error_names_method_and_rule() {
    for (option, expected) in [
        (
            r#"get: "carts""#,
            "HTTP rule `GET carts` of method test.Bad.M1: a path must begin with `/` at column 1",
        ),
        (
            r#"get: """#,
            "HTTP rule `GET ` of method test.Bad.M1: the path is empty; write one that begins with `/` at column 1",
        ),
        (
            r#"get: "/{f_strin}""#,
            "HTTP rule `GET /{f_strin}` of method test.Bad.M1: the path names the field `f_strin`, which test.Everything does not have",
        ),
        (
            r#"get: "/{inner.nope}""#,
            "HTTP rule `GET /{inner.nope}` of method test.Bad.M1: the path names the field `nope`, which test.Everything does not have",
        ),
        (
            r#"get: "/{strings}""#,
            "HTTP rule `GET /{strings}` of method test.Bad.M1: the path variable `strings` is repeated; only single fields of a scalar or enum type can be variables",
        ),
        (
            r#"get: "/{inners.f_string}""#,
            "HTTP rule `GET /{inners.f_string}` of method test.Bad.M1: the path variable `inners.f_string` is repeated; only single fields of a scalar or enum type can be variables",
        ),
        (
            r#"get: "/{counts}""#,
            "HTTP rule `GET /{counts}` of method test.Bad.M1: the path variable `counts` is a map; only single fields of a scalar or enum type can be variables",
        ),
        (
            r#"get: "/{inner}""#,
            "HTTP rule `GET /{inner}` of method test.Bad.M1: the path variable `inner` is a message; only single fields of a scalar or enum type can be variables",
        ),
        (
            r#"get: "/{f_string.x}""#,
            "HTTP rule `GET /{f_string.x}` of method test.Bad.M1: the path variable `f_string.x` is inside a field that is not a message; only single fields of a scalar or enum type can be variables",
        ),
        (
            r#"post: "/x" body: "nope""#,
            "HTTP rule `POST /x` of method test.Bad.M1: the body names the field `nope`, which test.Everything does not have",
        ),
        (
            r#"post: "/x" response_body: "inner.f_string""#,
            "HTTP rule `POST /x` of method test.Bad.M1: the response body names the field `inner.f_string`, which test.Everything does not have",
        ),
        (
            r#"custom: { kind: "NOT A VERB" path: "/x" }"#,
            "HTTP rule `NOT A VERB /x` of method test.Bad.M1: `NOT A VERB` is not an HTTP verb; use a verb, or `*` for any",
        ),
        (
            r#"body: "*""#,
            "HTTP rule `google.api.http` of method test.Bad.M1: it names no verb and path; set one of get, put, post, delete, patch or custom",
        ),
        (
            r#"get: "/x" selector: "test.Bad.Other""#,
            "HTTP rule `GET /x` of method test.Bad.M1: its selector is `test.Bad.Other`; leave it empty or name this method",
        ),
        (
            r#"get: "/x" additional_bindings: { get: "/y" additional_bindings: { get: "/z" } }"#,
            "HTTP rule `GET /y` of method test.Bad.M1: an additional binding cannot have additional bindings; list them one level up",
        ),
    ] {
        assert_eq!(errors(&[option]), [expected]);
    }
}

#[test]
fn rules_for_the_same_requests_conflict() {
    let conflict = |rule: &str, method: &str, other: &str| {
        format!(
            "HTTP rule `{rule}` of method test.Bad.{method}: it matches the same requests as a rule of method test.Bad.{other}; change one of the paths"
        )
    };
    assert_eq!(
        errors(&[r#"get: "/a/{f_string}""#, r#"get: "/a/{f_int32=*}""#]),
        [conflict("GET /a/{f_int32=*}", "M2", "M1")]
    );
    assert_eq!(
        errors(&[r#"get: "/a/**" additional_bindings: { get: "/a/{f_string=**}" }"#]),
        [conflict("GET /a/{f_string=**}", "M1", "M1")]
    );
    assert_eq!(
        errors(&[
            r#"get: "/a:x""#,
            r#"post: "/test.Bad/M1""#,
            r#"get: "/%61:x""#
        ]),
        [conflict("GET /%61:x", "M3", "M1")]
    );
    let distinct = [
        r#"get: "/a/{f_string}""#,
        r#"post: "/a/{f_string}""#,
        r#"get: "/a/{f_string}:x""#,
        r#"get: "/a/x""#,
        r#"get: "/a/**""#,
        r#"get: "/a""#,
        r#"custom: { kind: "*" path: "/a" }"#,
    ];
    assert_eq!(errors(&distinct), [""; 0]);
}

#[test]
fn all_errors_come_together() {
    let options = [
        r#"get: "x" additional_bindings: { get: "/{nope}" }"#,
        r#"get: "/fine""#,
        r#"post: "/x" body: "nope" selector: "y""#,
    ];
    let errors = errors(&options);
    assert_eq!(errors.len(), 4, "{errors:#?}");
}

#[test]
fn selectors_may_name_their_method() {
    assert_eq!(errors(&[r#"get: "/x" selector: "test.Bad.M1""#]), [""; 0]);
}

#[test]
fn errors_can_be_taken_apart() {
    let pool = pool::compile(
        r#"
        syntax = "proto3";
        package test;
        import "everything.proto";
        import "google/api/annotations.proto";
        service Bad {
          rpc M(Everything) returns (Everything) {
            option (google.api.http) = { get: "/x" body: "nope" };
          }
        }
        "#,
    );
    let services: Vec<_> = pool.services().collect();
    let errors = Transcoder::new(&services).unwrap_err();
    let [error] = &errors[..] else {
        panic!("one error, not {errors:?}")
    };
    assert_eq!((error.method(), error.rule()), ("test.Bad.M", "GET /x"));
    assert!(matches!(
        error.problem(),
        RuleProblem::UnknownField { field, .. } if field == "nope"
    ));
}
