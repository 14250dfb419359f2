//! Which rule serves which verb and path.

use cloudstate_proxy::transcoding::{Routed, Transcoder};
use http::Method;

use crate::found;

pub(crate) const TEMPLATES: &str = r#"
    syntax = "proto3";
    package test;
    import "google/api/annotations.proto";

    message Request {
      string name = 1;
      string id = 2;
      Request parent = 3;
    }

    service Other {
      rpc Unbound(Request) returns (Request);
    }

    service Library {
      rpc Root(Request) returns (Request) {
        option (google.api.http) = { get: "/" };
      }
      rpc Shelf(Request) returns (Request) {
        option (google.api.http) = { get: "/v1/{name=shelves/*}" };
      }
      rpc Book(Request) returns (Request) {
        option (google.api.http) = { get: "/v1/{name=shelves/*/books/*}" };
      }
      rpc NewBooks(Request) returns (Request) {
        option (google.api.http) = { get: "/v1/shelves/new/books/*" };
      }
      rpc ArchiveShelf(Request) returns (Request) {
        option (google.api.http) = { post: "/v1/{name=shelves/*}:archive" };
      }
      rpc BookOfShelf(Request) returns (Request) {
        option (google.api.http) = { get: "/v2/{parent.name}/{id=books/*}/page" };
      }
      rpc Files(Request) returns (Request) {
        option (google.api.http) = { get: "/files/{name=**}" };
      }
      rpc DropFiles(Request) returns (Request) {
        option (google.api.http) = { post: "/files/{name=**}:drop" };
      }
      rpc OneFile(Request) returns (Request) {
        option (google.api.http) = { get: "/files/{name}" };
      }
      rpc Readme(Request) returns (Request) {
        option (google.api.http) = { get: "/files/readme" };
      }
      rpc PostReadme(Request) returns (Request) {
        option (google.api.http) = { post: "/files/{name=readme}/{id}" };
      }
      rpc Anything(Request) returns (Request) {
        option (google.api.http) = { custom: { kind: "*" path: "/any/{id}" } };
      }
      rpc PutThing(Request) returns (Request) {
        option (google.api.http) = { put: "/any/{id}" };
      }
      rpc Probe(Request) returns (Request) {
        option (google.api.http) = { custom: { kind: "HEAD" path: "/probe/caf%C3%A9" } };
      }
    }
"#;

fn library() -> Transcoder {
    crate::transcoder(TEMPLATES)
}

/// The encoded request: name, id and the name of the parent.
fn encoded(name: &str, id: &str, parent: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, text) in [(1, name), (2, id)] {
        if !text.is_empty() {
            prost::encoding::string::encode(number, &text.to_owned(), &mut bytes);
        }
    }
    if !parent.is_empty() {
        prost::encoding::bytes::encode(3, &encoded(parent, "", ""), &mut bytes);
    }
    bytes
}

#[test]
fn every_form_of_template_captures_what_it_says() {
    let library = library();
    for (verb, path, method, name, id, parent) in [
        (Method::GET, "/", "Root", "", "", ""),
        (Method::GET, "/v1/shelves/7", "Shelf", "shelves/7", "", ""),
        (
            Method::GET,
            "/v1/shelves/7/books/8",
            "Book",
            "shelves/7/books/8",
            "",
            "",
        ),
        // The literal is more specific than the variable, but only together with what follows.
        (
            Method::GET,
            "/v1/shelves/new/books/8",
            "NewBooks",
            "",
            "",
            "",
        ),
        (
            Method::GET,
            "/v1/shelves/new",
            "Shelf",
            "shelves/new",
            "",
            "",
        ),
        (
            Method::POST,
            "/v1/shelves/7:archive",
            "ArchiveShelf",
            "shelves/7",
            "",
            "",
        ),
        (
            Method::POST,
            "/v1/shelves/a:b:archive",
            "ArchiveShelf",
            "shelves/a:b",
            "",
            "",
        ),
        // A colon without a verb belongs to the id.
        (
            Method::GET,
            "/v1/shelves/7:archive",
            "Shelf",
            "shelves/7:archive",
            "",
            "",
        ),
        (Method::GET, "/v1/shelves/7:", "Shelf", "shelves/7:", "", ""),
        (
            Method::GET,
            "/v2/p/books/8/page",
            "BookOfShelf",
            "",
            "books/8",
            "p",
        ),
        (Method::GET, "/files/a/b/c", "Files", "a/b/c", "", ""),
        (Method::GET, "/files", "Files", "", "", ""),
        (Method::GET, "/files/", "Files", "", "", ""),
        (Method::GET, "/files/a//b", "Files", "a//b", "", ""),
        (Method::POST, "/files/a/b:drop", "DropFiles", "a/b", "", ""),
        (Method::POST, "/files:drop", "DropFiles", "", "", ""),
        (Method::GET, "/files/a", "OneFile", "a", "", ""),
        (Method::GET, "/files/readme", "Readme", "", "", ""),
        (Method::GET, "/files/%72eadme", "Readme", "", "", ""),
        // The most specific path has no GET, so the next one serves it.
        (Method::GET, "/files/readme/x", "Files", "readme/x", "", ""),
        (
            Method::POST,
            "/files/readme/x",
            "PostReadme",
            "readme",
            "x",
            "",
        ),
        (Method::PATCH, "/any/1", "Anything", "", "1", ""),
        (Method::PUT, "/any/1", "PutThing", "", "1", ""),
        (Method::HEAD, "/probe/caf%C3%A9", "Probe", "", "", ""),
        (Method::HEAD, "/probe/café", "Probe", "", "", ""),
        // Percent-encoding: all of it in one segment, all but slashes in several.
        (Method::GET, "/files/a%2Fb%3Ac", "OneFile", "a/b:c", "", ""),
        (
            Method::GET,
            "/files/a%2fb%20c/d%2F",
            "Files",
            "a%2fb c/d%2F",
            "",
            "",
        ),
        (
            Method::GET,
            "/v1/shelves/a%2Fb+c",
            "Shelf",
            "shelves/a%2Fb+c",
            "",
            "",
        ),
        (
            Method::POST,
            "/v1/shelves/7%3Aarchive:archive",
            "ArchiveShelf",
            "shelves/7:archive",
            "",
            "",
        ),
    ] {
        let found = found(&library, &verb, path);
        assert_eq!(found.method().name(), method, "{verb} {path}");
        let request = found.request(None, None, b"").unwrap();
        assert_eq!(request, encoded(name, id, parent), "{verb} {path}");
    }
}

#[test]
fn nothing_serves_other_paths() {
    let library = library();
    for path in [
        "",
        "//",
        "/v1",
        "/v1/",
        "/v1/shelves",
        "/v1/shelves/",
        "/v1/shelves//books/8",
        "/v1/shelves/7/books",
        "/v1/shelves/7/books/8/",
        "/v1/shelves/7/books/8/9",
        "/any/",
        "/any/1/2",
        "/V1/shelves/7",
        "/v1/shelves/%FF/x",
        "*",
        "any/1",
    ] {
        for verb in [Method::GET, Method::POST, Method::PATCH] {
            let routed = library.route(&verb, path);
            assert!(
                matches!(routed, Routed::NotFound),
                "{verb} {path}: {routed:?}"
            );
        }
    }
    // Only `:archive` makes this a path, and nothing is left before it.
    let routed = library.route(&Method::POST, "/v1/shelves/:archive");
    assert!(!matches!(routed, Routed::Found(_)), "{routed:?}");
}

#[test]
fn wrong_verbs_learn_the_right_ones() {
    let library = library();
    for (path, expected) in [
        ("/v1/shelves/7", &[Method::GET, Method::HEAD][..]),
        (
            "/v1/shelves/7:archive",
            &[Method::POST, Method::GET, Method::HEAD],
        ),
        ("/files/readme", &[Method::GET, Method::HEAD]),
        (
            "/files/readme/x",
            &[Method::POST, Method::GET, Method::HEAD],
        ),
        ("/test.Other/Unbound", &[Method::POST]),
    ] {
        match library.route(&Method::DELETE, path) {
            Routed::WrongVerb { allowed } => assert_eq!(allowed, expected, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[test]
fn methods_are_numbered_across_services() {
    let library = library();
    let default = found(&library, &Method::POST, "/test.Other/Unbound");
    assert_eq!(
        (default.index(), default.method().full_name()),
        (0, "test.Other.Unbound")
    );
    assert_eq!(found(&library, &Method::GET, "/").index(), 1);
    assert_eq!(found(&library, &Method::GET, "/v1/shelves/7").index(), 2);
}

#[test]
fn values_that_are_not_utf8_are_refused() {
    let library = library();
    let found = found(&library, &Method::GET, "/files/%FF");
    let error = found.request(None, None, b"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "path variable `name` is not UTF-8 once percent-decoded"
    );
}
