//! What no client should send. Each is answered clearly, changes nothing, and harms no other call.

use http::{
    Method,
    header::{ALLOW, CONTENT_TYPE},
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Status};

use end_to_end::{Answer, Http, Running};

use crate::support::{
    cart::{CartClient, path, pb},
    programs::{self, ServesCarts as _},
};

/// More than the 12 MiB that a request may have.
const TOO_LARGE: usize = 13 << 20;

/// A service with one line in Alice's cart, which is to stay as it is.
struct Shop {
    service: Running,
    grpc: CartClient,
    http: Http,
}

impl Shop {
    async fn open() -> Self {
        let service = programs::shopping_cart().start();
        let (grpc, http) = (service.cart().await, service.http());
        grpc.add_item("alice", "tea", 2).await.unwrap();
        Self {
            service,
            grpc,
            http,
        }
    }

    /// Sends bytes that must be refused with this code, in the middle of good calls on the same connection.
    async fn grpc_refuses(&self, path: &str, message: impl Into<Vec<u8>>, code: Code) -> Status {
        let (refused, before, after) = tokio::join!(
            self.grpc.raw(path, message.into()),
            self.grpc.get_cart("alice"),
            self.grpc.get_cart("bob"),
        );
        before.unwrap();
        after.unwrap();
        let status = refused.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        self.unharmed().await;
        status
    }

    async fn http_refuses(&self, verb: Method, path: &str, body: &str, status: u16) -> Answer {
        let json = Some("application/json");
        let refused = self.http.send(verb, path, json, body.to_owned()).await;
        assert_eq!(refused.status, status, "{refused:?}");
        self.unharmed().await;
        refused
    }

    async fn unharmed(&self) {
        assert_eq!(self.grpc.lines("alice").await, [("tea".to_owned(), 2)]);
        assert_eq!(self.grpc.connections(), 1, "the connection was lost");
        let cart = self.http.get("/carts/alice/items").await;
        assert_eq!(cart.json()[0]["quantity"], 2);
    }
}

#[tokio::test]
async fn methods_and_services_that_do_not_exist_are_unimplemented() {
    let shop = Shop::open().await;
    let unknown = path("Empty");
    let status = shop.grpc_refuses(&unknown, [], Code::Unimplemented).await;
    assert!(status.message().contains(&unknown), "{status:?}");
    for unknown in ["/com.example.Nothing/AddItem", "/nothing", "/"] {
        let status = shop.grpc_refuses(unknown, [], Code::Unimplemented).await;
        assert!(status.message().contains(unknown), "{status:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_are_invalid() {
    let shop = Shop::open().await;
    let add = path("AddItem");
    let good = pb::AddLineItem {
        user_id: "alice".into(),
        product_id: "tea".into(),
        name: "Tea".into(),
        quantity: 1,
    }
    .encode_to_vec();
    let cut = &good[..good.len() - 1];
    let overlong = b"\x0a\xff\xff\xff\xff\x0falice";
    let wrong_wire_type = b"\x08\x01";
    let field_zero = b"\x02\x01x";
    for bytes in [cut, overlong, wrong_wire_type, field_zero] {
        shop.grpc_refuses(&add, bytes, Code::InvalidArgument).await;
    }
    let status = shop
        .grpc_refuses(
            &add,
            *b"\x0a\x05alice\x12\x02\xff\xfe\x20\x01",
            Code::InvalidArgument,
        )
        .await;
    assert!(status.message().contains("product_id"), "{status:?}");
    assert!(status.message().contains("UTF-8"), "{status:?}");
    // Fields that this version of the service does not know are no mistake.
    let newer = [&good[..], b"\xfa\x3e\x03new"].concat();
    shop.grpc.raw(&path("AddItem"), newer).await.unwrap();
    assert_eq!(shop.grpc.lines("alice").await, [("tea".to_owned(), 3)]);
}

#[tokio::test]
async fn a_command_without_its_key_is_invalid() {
    let shop = Shop::open().await;
    let nobodys = pb::AddLineItem {
        product_id: "tea".into(),
        quantity: 1,
        ..Default::default()
    };
    let status = shop
        .grpc
        .raw(&path("AddItem"), nobodys.encode_to_vec())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().contains("user_id"), "{status:?}");
    let empty = shop.grpc.raw(&path("GetCart"), Vec::new()).await;
    assert!(empty.is_err(), "{empty:?}");
    assert_eq!(shop.grpc.lines("alice").await.len(), 1);
    // Over HTTP the path holds the key, so that a path without it is another path.
    let refused = shop.http.get("/carts/").await;
    assert_eq!(refused.status, 404, "{refused:?}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_one_below_it_is_not() {
    let shop = Shop::open().await;
    let large = |length| {
        pb::AddLineItem {
            user_id: "carol".into(),
            product_id: "tea".into(),
            name: "x".repeat(length),
            quantity: 1,
        }
        .encode_to_vec()
    };
    let add = path("AddItem");
    let status = shop
        .grpc_refuses(&add, large(TOO_LARGE), Code::ResourceExhausted)
        .await;
    assert!(status.message().contains("12582912"), "{status:?}");
    assert!(
        status.message().contains("CLOUDSTATE_MAX_MESSAGE_SIZE"),
        "{status:?}"
    );
    shop.grpc.raw(&add, large(11 << 20)).await.unwrap();

    let path = "/cart/carol/items/add";
    let json = |length| {
        format!(
            r#"{{"productId": "{}", "quantity": 1}}"#,
            "x".repeat(length)
        )
    };
    let refused = shop
        .http_refuses(Method::POST, path, &json(TOO_LARGE), 413)
        .await;
    assert!(refused.message().contains("CLOUDSTATE_MAX_MESSAGE_SIZE"));
    assert_eq!(shop.http.post(path, &json(1 << 20)).await.status, 200);
    assert_eq!(shop.grpc.lines("carol").await.len(), 2);
}

#[tokio::test]
async fn a_body_without_end_is_answered_and_cut_off() {
    let shop = Shop::open().await;
    let mut connection = TcpStream::connect(shop.service.address()).await.unwrap();
    let head = b"POST /cart/alice/items/add HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.write_all(head).await.unwrap();
    let chunk = [&b"100000\r\n"[..], &vec![b' '; 0x10_0000], b"\r\n"].concat();
    // The connection ends in the middle of it.
    while connection.write_all(&chunk).await.is_ok() {}
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 413 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    shop.unharmed().await;
}

#[tokio::test]
async fn bad_json_is_pointed_at() {
    let shop = Shop::open().await;
    let add = "/cart/alice/items/add";
    for (body, expected) in [
        (
            "{\"productId\": \"tea\",\n \"quantity\": }",
            &["line 2 column 14"][..],
        ),
        (
            "{\"productId\": \"tea\", \"quantity\": 1",
            &["line 1 column"],
        ),
        (
            r#"{"productId": "tea", "quantity": 1} {}"#,
            &["line 1 column"],
        ),
        ("[]", &["line 1"]),
        ("\"tea\"", &["line 1"]),
        (r#"{"productId": "tea", "quantty": 1}"#, &["quantty"]),
        (r#"{"productId": "tea", "quantity": "many"}"#, &["quantity"]),
        (r#"{"productId": "tea", "quantity": 1.5}"#, &["quantity"]),
        (
            r#"{"productId": "tea", "quantity": 2147483648}"#,
            &["quantity"],
        ),
        (r#"{"productId": "tea", "quantity": [1]}"#, &["quantity"]),
        (r#"{"productId": 7, "quantity": 1}"#, &["productId"]),
        (
            r#"{"productId": "tea", "product_id": "pot", "quantity": 1}"#,
            &["product"],
        ),
        (
            r#"{"productId": "tea", "quantity": 1, "quantity": 2}"#,
            &["quantity"],
        ),
    ] {
        let refused = shop.http_refuses(Method::POST, add, body, 400).await;
        let message = refused.message();
        for expected in expected {
            assert!(message.contains(expected), "{body}: {message}");
        }
    }
    let not_utf8 = &b"{\"productId\": \"\xff\xfe\", \"quantity\": 1}"[..];
    let refused = shop
        .http
        .send(Method::POST, add, Some("application/json"), not_utf8)
        .await;
    assert_eq!(refused.status, 400, "{refused:?}");
    shop.unharmed().await;
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused_by_name() {
    let shop = Shop::open().await;
    let body = r#"{"productId": "tea", "quantity": 1}"#;
    for kind in ["text/xml", "application/x-protobuf", "application/jsonp"] {
        let refused = shop
            .http
            .send(Method::POST, "/cart/alice/items/add", Some(kind), body)
            .await;
        assert_eq!(refused.status, 415, "{refused:?}");
        assert!(refused.message().contains(kind), "{refused:?}");
        shop.unharmed().await;
    }
    for kind in [None, Some("application/json; charset=utf-8")] {
        let added = shop
            .http
            .send(Method::POST, "/cart/bob/items/add", kind, body)
            .await;
        assert_eq!(added.status, 200, "{kind:?}: {added:?}");
    }
}

#[tokio::test]
async fn paths_and_verbs_that_do_not_exist_are_named() {
    let shop = Shop::open().await;
    for unknown in [
        "/",
        "/carts",
        "/carts/alice/lines",
        "/cart/alice/items/add/more",
    ] {
        let refused = shop.http_refuses(Method::GET, unknown, "", 404).await;
        assert!(refused.message().contains(unknown), "{refused:?}");
    }
    let refused = shop
        .http_refuses(Method::DELETE, "/carts/alice", "", 405)
        .await;
    assert_eq!(refused.header(ALLOW), Some("GET, HEAD, OPTIONS"));
    let refused = shop
        .http_refuses(Method::GET, "/cart/alice/items/add", "", 405)
        .await;
    assert_eq!(refused.header(ALLOW), Some("POST, OPTIONS"));
    let refused = shop.http_refuses(Method::GET, "/carts/%FF", "", 400).await;
    assert!(refused.message().contains("user_id"), "{refused:?}");
    let refused = shop
        .http_refuses(Method::GET, "/carts/alice?colour=red", "", 400)
        .await;
    assert!(refused.message().contains("colour"), "{refused:?}");
}

#[tokio::test]
async fn what_the_cart_refuses_is_answered_with_its_own_text() {
    let shop = Shop::open().await;
    for quantity in [0, -1, i32::MIN] {
        let status = shop
            .grpc
            .add_item("alice", "tea", quantity)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(status.message(), "quantity must be positive");
        shop.unharmed().await;
        let body = format!(r#"{{"productId": "tea", "quantity": {quantity}}}"#);
        let refused = shop
            .http_refuses(Method::POST, "/cart/alice/items/add", &body, 500)
            .await;
        assert_eq!(refused.body, "quantity must be positive");
        assert_ne!(refused.header(CONTENT_TYPE), Some("application/json"));
    }
    let status = shop.grpc.remove_item("alice", "pot").await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    assert_eq!(status.message(), "not in the cart");
    let refused = shop
        .http_refuses(Method::POST, "/cart/alice/items/pot/remove", "", 500)
        .await;
    assert_eq!(refused.body, "not in the cart");
    // The largest quantity there is does not wrap around.
    for _ in 0..2 {
        shop.grpc.add_item("bob", "tea", i32::MAX).await.unwrap();
    }
    let lines = shop.grpc.lines("bob").await;
    assert_eq!(lines, [("tea".to_owned(), i32::MAX)]);
}

#[tokio::test]
async fn a_refusal_leaves_no_trace_after_a_restart() {
    let store = tempfile::tempdir().unwrap();
    let start = || programs::shopping_cart().store(store.path()).start();
    let service = start();
    let grpc = service.cart().await;
    grpc.add_item("alice", "tea", 2).await.unwrap();
    for _ in 0..3 {
        grpc.add_item("alice", "tea", 0).await.unwrap_err();
        grpc.remove_item("alice", "pot").await.unwrap_err();
    }
    grpc.add_item("alice", "tea", 1).await.unwrap();
    service.kill();
    let lines = start().cart().await.lines("alice").await;
    assert_eq!(lines, [("tea".to_owned(), 3)]);
}
