//! What the README promises of a service in good health.

use std::{fmt::Write as _, net::TcpStream as StdTcpStream};

use http::header::CONTENT_TYPE;
use serde_json::json;
use tempfile::tempdir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use end_to_end::{Program, eventually};

use crate::support::programs::{self, ServesCarts as _};

#[tokio::test]
async fn a_cart_is_filled_read_and_emptied_over_http() {
    let service = programs::shopping_cart().start();
    let http = service.http();
    let add = |json: &'static str| http.post("/cart/alice/items/add", json);

    let added = add(r#"{"productId": "tea", "name": "Green tea", "quantity": 2}"#).await;
    assert_eq!((added.status, added.body.as_str()), (200, "{}"));
    // Fields may be spelled as in the .proto too, and a number may be a string.
    let added = add(r#"{"product_id": "pot", "name": "Tea pot", "quantity": "1"}"#).await;
    assert_eq!((added.status, added.body.as_str()), (200, "{}"));
    let added = add(r#"{"productId": "tea", "name": "Green tea", "quantity": 3}"#).await;
    assert_eq!(added.status, 200, "{added:?}");

    let cart = http.get("/carts/alice").await;
    assert_eq!(cart.status, 200);
    assert_eq!(cart.header(CONTENT_TYPE), Some("application/json"));
    let lines = json!([
        {"productId": "pot", "name": "Tea pot", "quantity": 1},
        {"productId": "tea", "name": "Green tea", "quantity": 5},
    ]);
    assert_eq!(cart.json(), json!({ "items": lines }));
    let items = http.get("/carts/alice/items").await;
    assert_eq!(items.header(CONTENT_TYPE), Some("application/json"));
    assert_eq!(items.json(), lines);

    let removed = http.post("/cart/alice/items/tea/remove", "").await;
    assert_eq!((removed.status, removed.body.as_str()), (200, "{}"));
    let items = http.get("/carts/alice/items").await.json();
    assert_eq!(items.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn json_has_its_defaults_and_any_text_as_a_key() {
    let service = programs::shopping_cart().start();
    let http = service.http();
    let empty = http.get("/carts/nobody").await;
    assert_eq!(
        (empty.status, empty.body.as_str()),
        (200, r#"{"items":[]}"#)
    );
    let empty = http.get("/carts/nobody/items").await;
    assert_eq!((empty.status, empty.body.as_str()), (200, "[]"));

    // A line without a name: printed all the same.
    let path = "/cart/zo%C3%AB%20%2F%20b%2B/items/add";
    let added = http
        .post(path, r#"{"productId": "ümlaut", "quantity": 1}"#)
        .await;
    assert_eq!(added.status, 200, "{added:?}");
    let cart = service.cart().await.get_cart("zoë / b+").await.unwrap();
    assert_eq!(cart.items[0].product_id, "ümlaut");
    let cart = http.get("/carts/zo%C3%AB%20%2F%20b%2B").await;
    assert_eq!(
        cart.json(),
        json!({"items": [{"productId": "ümlaut", "name": "", "quantity": 1}]})
    );
    // The path says whose cart it is, whatever the body says.
    let body = r#"{"userId": "mallory", "productId": "tea", "quantity": 1}"#;
    assert_eq!(http.post("/cart/alice/items/add", body).await.status, 200);
    assert_eq!(http.get("/carts/mallory/items").await.body, "[]");
}

#[tokio::test]
async fn an_openapi_document_describes_the_routes_in_the_words_of_the_proto() {
    let service = programs::shopping_cart().start();
    let document = service.http().get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let add = &document["paths"]["/cart/{user_id}/items/add"]["post"];
    assert_eq!(add["operationId"], "ShoppingCart_AddItem");
    let schemas = &document["components"]["schemas"];
    let line = &schemas["com.example.shoppingcart.AddLineItem"];
    assert_eq!(
        line["description"],
        "Puts a product into a cart, or more of it."
    );
    let quantity = json!({
        "type": "integer",
        "format": "int32",
        "description": "How many to add; must be positive.",
    });
    assert_eq!(line["properties"]["quantity"], quantity);
}

#[tokio::test]
async fn grpc_and_http_see_the_same_cart() {
    let service = programs::shopping_cart().start();
    let (grpc, http) = (service.cart().await, service.http());
    grpc.add_item("alice", "tea", 2).await.unwrap();
    let line = r#"{"productId": "tea", "name": "Green tea", "quantity": 1}"#;
    assert_eq!(http.post("/cart/alice/items/add", line).await.status, 200);
    assert_eq!(grpc.lines("alice").await, [("tea".to_owned(), 3)]);
    assert_eq!(
        http.get("/carts/alice").await.json(),
        json!({"items": [{"productId": "tea", "name": "Green tea", "quantity": 3}]})
    );
    grpc.remove_item("alice", "tea").await.unwrap();
    assert_eq!(http.get("/carts/alice/items").await.body, "[]");
    assert_eq!(grpc.lines("bob").await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_outlives_kill_9_with_and_without_snapshots() {
    let store = tempdir().unwrap();
    let start = || programs::shopping_cart().store(store.path()).start();
    let service = start();
    let grpc = service.cart().await;
    grpc.add_item("few", "tea", 1).await.unwrap();
    // Snapshots are due after 100 events: one, two and a half times.
    let mut expected = Vec::new();
    for number in 0..250 {
        let product = format!("product-{number:03}");
        grpc.add_item("many", &product, number + 1).await.unwrap();
        expected.push((product, number + 1));
    }
    for number in (0..250).step_by(10).rev() {
        let (product, _) = expected.remove(number);
        grpc.remove_item("many", &product).await.unwrap();
    }
    let before = grpc.get_cart("many").await.unwrap();
    service.kill();

    let service = start();
    let grpc = service.cart().await;
    assert_eq!(grpc.lines("few").await, [("tea".to_owned(), 1)]);
    assert_eq!(grpc.lines("many").await, expected);
    assert_eq!(grpc.get_cart("many").await.unwrap(), before);
    // And goes on.
    grpc.add_item("many", "one-more", 1).await.unwrap();
    let ended = service.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let service = start();
    let lines = service.cart().await.lines("many").await;
    assert_eq!(lines.len(), expected.len() + 1);
}

#[tokio::test]
async fn the_memory_store_keeps_nothing() {
    let service = programs::shopping_cart().start();
    let grpc = service.cart().await;
    grpc.add_item("alice", "tea", 1).await.unwrap();
    service.kill();
    let service = programs::shopping_cart().start();
    assert_eq!(service.cart().await.lines("alice").await, []);
}

#[tokio::test]
async fn the_default_store_is_below_the_working_directory() {
    let directory = tempdir().unwrap();
    let start = || {
        programs::shopping_cart()
            .without("CLOUDSTATE_STORE")
            .directory(directory.path())
            .start()
    };
    let service = start();
    service
        .cart()
        .await
        .add_item("alice", "tea", 1)
        .await
        .unwrap();
    service.kill();
    assert!(directory.path().join("data/shopping-cart").is_dir());
    assert_eq!(start().cart().await.lines("alice").await.len(), 1);
}

#[tokio::test]
async fn sigterm_finishes_what_is_in_progress_and_exits_0() {
    let store = tempdir().unwrap();
    let start = || programs::shopping_cart().store(store.path()).start();
    let service = start();
    let body = r#"{"productId": "tea", "quantity": 1}"#;
    let mut head = String::new();
    write!(
        head,
        "POST /cart/alice/items/add HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut connection = BufReader::new(TcpStream::connect(service.address()).await.unwrap());
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    connection.read_line(&mut line).await.unwrap();
    // The server waits for the body: the request is in progress.
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");

    service.signal("TERM");
    eventually("the port is closed", || async {
        match StdTcpStream::connect(service.address()) {
            Ok(_) => Err("a connection is accepted".into()),
            Err(_) => Ok(()),
        }
    })
    .await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK\r\n"), "{answer}");
    let ended = service.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");

    assert_eq!(start().cart().await.lines("alice").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_keep_the_service_from_stopping() {
    let service = programs::shopping_cart().start();
    let (grpc, http) = (service.cart().await, service.http());
    grpc.add_item("alice", "tea", 1).await.unwrap();
    assert_eq!(http.get("/carts/alice").await.status, 200);
    let silent = TcpStream::connect(service.address()).await.unwrap();
    for signal in ["TERM", "INT"] {
        let other = programs::shopping_cart().start();
        let client = other.cart().await;
        assert_eq!(client.lines("alice").await, []);
        other.signal(signal);
        let ended = other.ended();
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
    }
    let ended = service.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("WARN"), "{ended:?}");
    drop(silent);
}

#[tokio::test]
async fn health_is_told_to_probes() {
    let service = programs::shopping_cart().start();
    for path in ["/ready", "/alive"] {
        let answer = service.http().get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{path}");
    }
}

#[test]
fn the_ready_line_is_the_last_on_stdout_and_logs_go_elsewhere() {
    let service = programs::shopping_cart().start();
    let address = service.address();
    assert_ne!(address.port(), 0);
    let ended = service.terminate();
    assert_eq!(ended.stderr.matches("stopping").count(), 1, "{ended:?}");
    let expected = format!("cloudstate ready on http://{address}");
    assert_eq!(ended.stdout.lines().last(), Some(expected.as_str()));
}

#[test]
fn help_and_version_are_printed_and_nothing_is_started() {
    for (program, name) in [
        (programs::shopping_cart as fn() -> Program, "shopping-cart"),
        (|| programs::proxy(1), "cloudstate-proxy"),
    ] {
        let help = program().arg("--help").run();
        assert_eq!(help.code, Some(0), "{help:?}");
        assert_eq!(help.stderr, "");
        assert!(
            !help.stdout.contains('\x1b'),
            "no colours in a pipe: {help:?}"
        );
        for expected in ["--http-port", "HTTP_PORT", "9000", "CLOUDSTATE_STORE", "78"] {
            assert!(help.stdout.contains(expected), "{expected}: {help:?}");
        }
        let version = program().arg("--version").run();
        assert_eq!(version.code, Some(0), "{version:?}");
        assert!(version.stdout.starts_with(name), "{version:?}");
    }
}
