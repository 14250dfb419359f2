//! The rules of the shopping cart.

use bytes::Bytes;
use cloudstate_proxy::transcoding::{Routed, Transcoder};
use http::Method;
use prost::Message;

use crate::found;

#[derive(Clone, PartialEq, Message)]
struct AddLineItem {
    #[prost(string, tag = "1")]
    user_id: String,
    #[prost(string, tag = "2")]
    product_id: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(int32, tag = "4")]
    quantity: i32,
}

#[derive(Clone, PartialEq, Message)]
struct LineItem {
    #[prost(string, tag = "1")]
    product_id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(int32, tag = "3")]
    quantity: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Cart {
    #[prost(message, repeated, tag = "1")]
    items: Vec<LineItem>,
}

const APPLE: &[u8] = br#"{"product_id":"p1","name":"Apple","quantity":2}"#;

fn transcoder() -> Transcoder {
    crate::transcoder(include_str!("../proto/cart.proto"))
}

fn add_apple(user: &str) -> AddLineItem {
    AddLineItem {
        user_id: user.to_owned(),
        product_id: "p1".to_owned(),
        name: "Apple".to_owned(),
        quantity: 2,
    }
}

fn cart() -> Bytes {
    let apple = LineItem {
        product_id: "p1".to_owned(),
        name: "Apple".to_owned(),
        quantity: 2,
    };
    let free = LineItem {
        product_id: "p2".to_owned(),
        ..LineItem::default()
    };
    let items = vec![apple, free];
    Cart { items }.encode_to_vec().into()
}

#[test]
fn what_curl_sends_unasked_is_read_as_json() {
    let transcoder = transcoder();
    let found = found(&transcoder, &Method::POST, "/cart/alice/items/add");
    assert_eq!(found.method().name(), "AddItem");
    for content_type in [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/vnd.api+JSON"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let request = found.request(None, content_type, APPLE).unwrap();
        assert_eq!(
            request,
            add_apple("alice").encode_to_vec(),
            "{content_type:?}"
        );
    }
}

#[test]
fn path_variables_override_the_body() {
    let transcoder = transcoder();
    let found = found(&transcoder, &Method::POST, "/cart/bob/items/add");
    let body = br#"{"userId":"mallory","productId":"p1","name":"Apple","quantity":"2"}"#;
    let request = found.request(Some("user_id=eve"), None, body).unwrap();
    assert_eq!(request, add_apple("bob").encode_to_vec());
}

#[test]
fn ids_may_hold_colons_pluses_and_slashes() {
    let transcoder = transcoder();
    for (path, user) in [
        ("/cart/user:42/items/add", "user:42"),
        ("/cart/a+b/items/add", "a+b"),
        ("/cart/a%2Fb%20c/items/add", "a/b c"),
        ("/cart/caf%C3%A9/items/add", "café"),
    ] {
        let request = found(&transcoder, &Method::POST, path).request(None, None, APPLE);
        assert_eq!(request.unwrap(), add_apple(user).encode_to_vec(), "{path}");
    }
}

#[test]
fn a_rule_without_body_ignores_the_body() {
    let transcoder = transcoder();
    let found = found(&transcoder, &Method::POST, "/cart/alice/items/p1/remove");
    let request = found
        .request(None, Some("text/plain"), b"whatever")
        .unwrap();
    assert_eq!(&request[..], b"\x0a\x05alice\x12\x02p1");
}

#[test]
fn the_whole_cart_and_its_items_alone() {
    let transcoder = transcoder();
    let items = r#"[{"productId":"p1","name":"Apple","quantity":2},{"productId":"p2","name":"","quantity":0}]"#;

    let whole = found(&transcoder, &Method::GET, "/carts/alice");
    assert_eq!(
        &whole.request(None, None, b"").unwrap()[..],
        b"\x0a\x05alice"
    );
    let rendered = whole.response(&cart()).unwrap();
    assert_eq!(rendered.content_type, "application/json");
    assert_eq!(rendered.body, format!(r#"{{"items":{items}}}"#));
    assert_eq!(
        whole.response(&Bytes::new()).unwrap().body,
        r#"{"items":[]}"#
    );

    let alone = found(&transcoder, &Method::GET, "/carts/alice/items");
    assert_eq!(alone.index(), whole.index());
    assert_eq!(alone.response(&cart()).unwrap().body, items);
    assert_eq!(alone.response(&Bytes::new()).unwrap().body, "[]");
}

#[test]
fn other_paths_and_verbs_are_told_apart() {
    let transcoder = transcoder();
    for path in [
        "/",
        "",
        "/carts",
        "/carts/",
        "/carts//items",
        "/carts/alice/",
        "/carts/alice/items/",
        "carts/alice",
        "/cart//items/add",
        // A method with a rule is not served at its default path as well.
        "/com.example.shoppingcart.ShoppingCart/GetCart",
    ] {
        let routed = transcoder.route(&Method::GET, path);
        assert!(matches!(routed, Routed::NotFound), "{path}: {routed:?}");
    }
    match transcoder.route(&Method::DELETE, "/carts/alice") {
        Routed::WrongVerb { allowed } => assert_eq!(allowed, [Method::GET, Method::HEAD]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let transcoder = transcoder();
    let add = found(&transcoder, &Method::POST, "/cart/alice/items/add");
    let message = "com.example.shoppingcart.AddLineItem";
    for (body, expected) in [
        (
            &br#"{"colour":1}"#[..],
            "unrecognized field name 'colour' at line 1 column 9 (in `colour`)",
        ),
        (
            br#"{"quantity":"many"}"#,
            "invalid digit found in string at line 1 column 18 (in `quantity`)",
        ),
        (
            br#"{"name":7}"#,
            "invalid type: integer `7`, expected a string at line 1 column 9 (in `name`)",
        ),
        (b"{\n \"name\":}", "expected value at line 2 column 9"),
        (
            br#"{"name":"a","name":"b"}"#,
            "`name` is given twice at line 1 column 18 (in `name`)",
        ),
        (
            br#"{"user_id":"a","userId":"b"}"#,
            "`userId` is given twice at line 1 column 23 (in `userId`)",
        ),
        (b"{} {}", "trailing characters at line 1 column 4"),
        (
            b"[]",
            "invalid type: sequence, expected a map at line 1 column 0",
        ),
        (
            b"{\"name\":\"\xff\"}",
            "invalid unicode code point at line 1 column 10",
        ),
    ] {
        let error = add.request(None, None, body).unwrap_err().to_string();
        let expected = format!("the body is not valid JSON for {message}: {expected}");
        assert_eq!(error, expected);
    }
    for content_type in [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
    ] {
        let error = add.request(None, Some(content_type), APPLE).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("content type `{content_type}` is not supported; send application/json")
        );
    }
    let form = Some("application/x-www-form-urlencoded");
    let error = add.request(None, form, b"name=Apple").unwrap_err();
    assert_eq!(
        error.to_string(),
        "content type `application/x-www-form-urlencoded` is not supported; send application/json"
    );

    let get = found(&transcoder, &Method::GET, "/carts/alice");
    let error = get.request(Some("colour=red"), None, b"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown query parameter `colour`: com.example.shoppingcart.GetShoppingCart has no field `colour`"
    );
    let error = get.response(&Bytes::from_static(b"\x0a")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the response is not an encoded com.example.shoppingcart.Cart: ")
    );
}
