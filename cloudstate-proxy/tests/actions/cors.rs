//! Pages of other origins: what a browser is told before and behind their calls.

use crate::client::Bench;

const PREFLIGHT: &str = "OPTIONS /test.shapes.Shapes/One HTTP/1.1\r\n\
    access-control-request-method: POST\r\naccess-control-request-headers: content-type,x-grpc-web";
const CALL: &str = "POST /test.shapes.Shapes/One HTTP/1.1\r\ncontent-type: application/json";
const TEXT: &str = r#"{"text":"metadata 42"}"#;

#[tokio::test]
async fn without_the_setting_nothing_is_said() {
    let bench = Bench::new().await;
    let answer = from(&bench, "https://shop.example", CALL, TEXT).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
    let answer = from(&bench, "https://shop.example", PREFLIGHT, "").await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
}

#[tokio::test]
async fn every_page_may_call_where_all_origins_are_allowed() {
    let bench = Bench::with_flags(&["--cors-origins=*", "--cors-max-age=1h"]).await;
    let answer = from(&bench, "https://shop.example", PREFLIGHT, "").await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    for header in [
        "access-control-allow-origin: *\r\n",
        "access-control-allow-methods: POST\r\n",
        "access-control-allow-headers: content-type,x-grpc-web\r\n",
        "access-control-max-age: 3600\r\n",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    let answer = from(&bench, "https://shop.example", CALL, TEXT).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("access-control-allow-origin: *\r\n"),
        "{answer}"
    );
    // The reply's metadata can be read by its name.
    assert!(
        answer.contains("access-control-expose-headers: x-said\r\n"),
        "{answer}"
    );
    for absent in ["credentials", "vary"] {
        assert!(!answer.contains(absent), "{absent}: {answer}");
    }
}

#[tokio::test]
async fn listed_origins_may_call_and_only_those() {
    let flags = [
        "--cors-origins=https://shop.example,http://localhost:3000",
        "--cors-credential-origins=https://admin.example",
    ];
    let bench = Bench::with_flags(&flags).await;
    for (origin, credentials) in [
        ("http://localhost:3000", false),
        ("https://shop.example", false),
        ("https://admin.example", true),
    ] {
        for (head, body, status) in [(PREFLIGHT, "", 204), (CALL, TEXT, 200)] {
            let answer = from(&bench, origin, head, body).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            let allowed = format!("access-control-allow-origin: {origin}\r\n");
            assert!(answer.contains(&allowed), "{answer}");
            assert!(answer.contains("vary: origin\r\n"), "{answer}");
            let lent = answer.contains("access-control-allow-credentials: true\r\n");
            assert_eq!(lent, credentials, "{answer}");
        }
    }
    let stranger = from(&bench, "https://evil.example", PREFLIGHT, "").await;
    assert!(stranger.starts_with("HTTP/1.1 403"), "{stranger}");
    assert!(stranger.contains("CLOUDSTATE_CORS_ORIGINS"), "{stranger}");
    assert!(!stranger.contains("access-control"), "{stranger}");
    // A browser sends some calls without asking, and keeps the answer to itself.
    let stranger = from(&bench, "https://evil.example", CALL, TEXT).await;
    assert!(stranger.contains("vary: origin\r\n"), "{stranger}");
    assert!(!stranger.contains("access-control"), "{stranger}");
}

#[tokio::test]
async fn errors_can_be_read_too() {
    let bench = Bench::with_flags(&["--cors-origins=*"]).await;
    let allowed = "access-control-allow-origin: *\r\n";
    let nowhere = from(&bench, "https://shop.example", "GET /nowhere HTTP/1.1", "").await;
    assert!(nowhere.starts_with("HTTP/1.1 404"), "{nowhere}");
    assert!(nowhere.contains(allowed), "{nowhere}");
    // A gRPC-Web call that fails before its first message has its status in the headers.
    let head =
        "POST /test.shapes.Shapes/Nothing HTTP/1.1\r\ncontent-type: application/grpc-web+proto";
    let unknown = from(&bench, "https://shop.example", head, "").await;
    assert!(unknown.contains(allowed), "{unknown}");
    assert!(unknown.contains("grpc-status: 12\r\n"), "{unknown}");
    let exposed = unknown
        .lines()
        .find_map(|line| line.strip_prefix("access-control-expose-headers: "))
        .unwrap();
    for name in ["grpc-status", "grpc-message"] {
        assert!(
            exposed.split(',').any(|exposed| exposed == name),
            "{exposed}"
        );
    }
}

#[tokio::test]
async fn pages_that_may_not_call_cannot_do_so_as_a_form_does() {
    let path = "POST /test.shapes.Shapes/One HTTP/1.1";
    let form = format!("{path}\r\ncontent-type: application/x-www-form-urlencoded");
    let text = format!("{path}\r\ncontent-type: text/plain;charset=UTF-8");
    let mut bench = Bench::with_flags(&["--cors-origins=https://shop.example"]).await;
    for head in [path, &form, &text] {
        for site in [
            "",
            "\r\nsec-fetch-site: cross-site",
            "\r\nsec-fetch-site: same-site",
        ] {
            let answer = from(
                &bench,
                "https://evil.example",
                &format!("{head}{site}"),
                TEXT,
            )
            .await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            assert!(answer.contains("CLOUDSTATE_CORS_ORIGINS"), "{answer}");
        }
    }
    // Sandboxed pages have no origin.
    let answer = from(&bench, "null", &form, TEXT).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    // The page's own service, a page that may call, and what is no page.
    for head in [
        format!("{form}\r\norigin: http://localhost"),
        format!("{form}\r\norigin: https://elsewhere.example\r\nsec-fetch-site: same-origin"),
        format!("{form}\r\norigin: https://shop.example\r\nsec-fetch-site: cross-site"),
        form,
        path.to_owned(),
    ] {
        let answer = bench.http(&head, TEXT).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{head}: {answer}");
        bench.expect(&["One metadata 42"]).await;
    }
}

async fn from(bench: &Bench, origin: &str, head: &str, body: &str) -> String {
    bench
        .http(&format!("{head}\r\norigin: {origin}"), body)
        .await
}
