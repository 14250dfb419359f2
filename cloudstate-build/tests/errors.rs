//! What a broken `.proto` is told.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helper functions too"
)]

use std::{fs, path::Path};

use cloudstate_build::Error;

/// Compiles one file, `shop.proto` in an include path of its own, and gives the error's text without that path.
fn error_of(text: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("shop.proto"), text).unwrap();
    message(root.path(), &compile(root.path(), "shop.proto"))
}

fn compile(root: &Path, file: &str) -> Error {
    cloudstate_build::configure()
        .include(root)
        .out_dir(root)
        .compile(&[root.join(file)])
        .unwrap_err()
}

fn message(root: &Path, error: &Error) -> String {
    assert_eq!(error.to_string(), format!("{error:?}"));
    error
        .to_string()
        .replace(&format!("{}/", root.display()), "")
}

#[test]
fn a_syntax_error_names_line_and_column_and_shows_the_line() {
    assert_eq!(
        error_of(
            "syntax = \"proto3\";\nmessage Cart {\n  string owner = 1\n  int32 size = 2;\n}\n"
        ),
        "shop.proto:4:3: expected ';' or '[', but found 'int32'
  |
4 |   int32 size = 2;
  |   ^^^^^"
    );
}

#[test]
fn an_unknown_type_names_line_and_column() {
    assert_eq!(
        error_of("syntax = \"proto3\";\nmessage Cart {\n\trepeated LineItem items = 1;\n}\n"),
        "shop.proto:3:11: name 'LineItem' is not defined
  |
3 | \trepeated LineItem items = 1;
  | \t         ^^^^^^^^"
    );
}

#[test]
fn each_unknown_type_is_told() {
    let text = error_of("syntax = \"proto3\";\nmessage Cart {\n  One a = 1;\n  Two b = 2;\n}\n");
    assert!(
        text.contains("shop.proto:3:3: name 'One' is not defined"),
        "{text}"
    );
    assert!(
        text.contains("shop.proto:4:3: name 'Two' is not defined"),
        "{text}"
    );
}

#[test]
fn a_second_use_of_a_field_number_is_the_one_pointed_at() {
    let text =
        error_of("syntax = \"proto3\";\nmessage Cart {\n  int32 a = 1;\n  int32 b = 1;\n}\n");
    assert!(text.starts_with("shop.proto:4:13: "), "{text}");
}

#[test]
fn a_missing_import_points_at_the_import() {
    assert_eq!(
        error_of("syntax = \"proto3\";\n\nimport \"lines.proto\";\n"),
        "shop.proto:3:1: import 'lines.proto' not found
  |
3 | import \"lines.proto\";
  | ^^^^^^^^^^^^^^^^^^^^^"
    );
}

#[test]
fn an_error_in_an_import_names_the_import() {
    let root = tempfile::tempdir().unwrap();
    fs::write(
        root.path().join("shop.proto"),
        "syntax = \"proto3\"; import \"lines.proto\";",
    )
    .unwrap();
    fs::write(
        root.path().join("lines.proto"),
        "syntax = \"proto3\";\nmesage Line {}\n",
    )
    .unwrap();
    let text = message(root.path(), &compile(root.path(), "shop.proto"));
    assert!(text.starts_with("lines.proto:2:1: "), "{text}");
}

#[test]
fn an_unexpected_end_names_the_last_line() {
    let text = error_of("syntax = \"proto3\";\nmessage Cart {\n  int32 a = 1;\n\n");
    assert!(text.starts_with("shop.proto:3:15: "), "{text}");
    assert!(text.contains("3 |   int32 a = 1;\n"), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let error = message(root.path(), &compile(root.path(), "cart.proto"));
    assert_eq!(
        error,
        "cart.proto: no such file; paths are relative to the package's directory"
    );
}

#[test]
fn a_file_outside_of_every_include_path_is_told_what_to_add() {
    let root = tempfile::tempdir().unwrap();
    let inner = root.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = root.path().join("shop.proto");
    fs::write(&file, "syntax = \"proto3\";").unwrap();
    let error = cloudstate_build::configure()
        .include(&inner)
        .out_dir(root.path())
        .compile(&[&file])
        .unwrap_err();
    assert_eq!(
        message(root.path(), &error),
        "shop.proto: in none of the include paths (`inner`); add its directory with `include`"
    );
}

#[test]
fn rpcs_that_would_have_one_name_in_rust_are_refused() {
    assert_eq!(
        error_of(
            "syntax = \"proto3\";\nmessage M {}\nservice Shop {\n  rpc GetCart(M) returns (M);\n  rpc getCart(M) returns \
             (M);\n}\n"
        ),
        "shop.proto:5:7: rpc `getCart` and rpc `GetCart` would both be `GetCart` in Rust; rename one of them
  |
5 |   rpc getCart(M) returns (M);
  |       ^^^^^^^"
    );
}

#[test]
fn a_message_that_would_hide_the_rpc_markers_is_refused() {
    let text = error_of(
        "syntax = \"proto3\";\nmessage Rpc { message Inner {} }\nservice Shop { rpc Do(Rpc) returns (Rpc); }\n",
    );
    assert!(
        text.starts_with(
            "shop.proto:3:9: the module of the rpc markers and the module of message `Rpc`"
        ),
        "{text}"
    );
}

#[test]
fn a_relative_crate_path_is_refused() {
    for path in ["cloudstate", "crates::cloudstate"] {
        let error = cloudstate_build::configure()
            .cloudstate_path(path)
            .out_dir("unused")
            .compile(&["unused.proto"])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cloudstate_path: `{path}` must start with `::` or `crate::`")
        );
    }
}

#[test]
fn nothing_is_written_after_an_error() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(
        root.path().join("shop.proto"),
        "syntax = \"proto3\"; message A { B b = 1; }",
    )
    .unwrap();
    cloudstate_build::configure()
        .include(root.path())
        .out_dir(&out)
        .compile(&[root.path().join("shop.proto")])
        .unwrap_err();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}
