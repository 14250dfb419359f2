//! A page of another origin, in a browser: it calls the cart over gRPC-Web and over JSON, if it may.

use std::{
    env,
    io::{Write, stderr},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::spawn_blocking,
};

use end_to_end::Program;

use crate::support::programs;

const PAGE: &str = include_str!("browser/page.html");

/// Set where a browser must not be missing.
const REQUIRE: &str = "CLOUDSTATE_REQUIRE_BROWSER";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_calls_the_cart_if_its_origin_may() {
    let Some(browser) = browser() else {
        return;
    };
    let (page, stranger) = (serve_page().await, serve_page().await);
    let service = programs::shopping_cart()
        .env("CLOUDSTATE_CORS_ORIGINS", format!("http://{page}"))
        .start();

    let result = visit(&browser, page, service.address()).await;
    let result: Value = serde_json::from_str(&result).unwrap_or_else(|_| panic!("{result}"));
    let ok = json!({ "status": "0", "text": null, "message": {} });
    assert_eq!(result["added"], ok);
    assert_eq!(result["addedAsJson"], json!([200, {}]));
    let lines =
        json!([{ "productId": "pot", "quantity": 1 }, { "productId": "tea", "quantity": 300 }]);
    assert_eq!(result["items"], lines);
    let lines = json!([
        { "productId": "pot", "name": "Tea pot", "quantity": 1 },
        { "productId": "tea", "name": "", "quantity": 300 },
    ]);
    assert_eq!(result["itemsAsJson"], lines);
    // What went wrong can be read, in the trailers, in the headers, and in the body.
    assert_eq!(result["refused"]["status"], "2");
    let text = percent_decoded(result["refused"]["text"].as_str().unwrap());
    assert_eq!(text, "quantity must be positive");
    assert_eq!(result["unknown"]["status"], "12");
    assert_eq!(result["nowhere"], json!([404, "NOT_FOUND"]));

    // The same page from elsewhere is not let in, and its calls change nothing.
    let result = visit(&browser, stranger, service.address()).await;
    let failed = "failed: TypeError: Failed to fetch; and by force: opaque";
    assert_eq!(result, failed);
    let cart = service.http().get("/carts/alice/items").await;
    assert_eq!(cart.json(), lines);
}

/// What the page says in the end.
async fn visit(browser: &Path, page: SocketAddr, cart: SocketAddr) -> String {
    let profile = tempdir().unwrap();
    let browser = Program::new(browser)
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", profile.path())
        .arg("--headless")
        .arg("--no-sandbox")
        .arg("--disable-gpu")
        .arg("--disable-quic")
        .arg("--disable-dev-shm-usage")
        .arg("--no-first-run")
        .arg("--disable-background-networking")
        .arg("--disable-component-update")
        .arg("--disable-sync")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // The page's own time, which stands still while it waits for answers.
        .arg("--virtual-time-budget=60000")
        .arg("--dump-dom")
        .arg(format!("http://{page}/?cart=http://{cart}"));
    let ended = spawn_blocking(|| browser.run()).await.unwrap();
    let result = || {
        let (_, result) = ended.stdout.split_once("<pre id=\"result\">")?;
        Some(result.split_once("</pre>")?.0)
    };
    let result = result().unwrap_or_else(|| panic!("{ended:?}"));
    result
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Serves the page to whoever asks, at an origin of its own.
async fn serve_page() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = BufReader::new(connection);
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if connection.read_line(&mut line).await? == 0 {
                        break;
                    }
                }
                let length = PAGE.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{PAGE}"
                );
                connection.write_all(answer.as_bytes()).await
            });
        }
    });
    address
}

/// Chromium, by whatever name. Where there is none, a line on stderr says so.
fn browser() -> Option<PathBuf> {
    let directories = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&directories)
        .flat_map(|directory| {
            ["chromium", "chromium-browser", "google-chrome"].map(|name| directory.join(name))
        })
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(
            env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, and there is no Chromium"
        );
        // Not by a macro, whose output is shown only if a test fails.
        let _ = writeln!(
            stderr(),
            "skipped: a page in a browser, for want of Chromium"
        );
    }
    found
}

fn percent_decoded(text: &str) -> String {
    text.replace("%20", " ")
}
