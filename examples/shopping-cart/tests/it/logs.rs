//! What is in carts is the users' business: it is in no log.

use http::Method;
use prost::Message;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    cart::{path, pb},
    programs::{self, ServesCarts as _},
    store::{JOURNAL, service},
};

/// In every text that a user or the store sends below.
const SECRET: &str = "plasters";

#[tokio::test]
async fn nothing_that_users_sent_or_that_is_stored_is_logged() {
    let store = tempdir().unwrap();
    let ours = "info,cloudstate=trace,cloudstate_process=trace,cloudstate_proxy=trace";
    let program = || service(store.path()).env("RUST_LOG", ours);

    let running = program().start();
    let (grpc, http) = (running.cart().await, running.http());
    for number in 0..120 {
        let product = format!("{SECRET}-{}", number % 3);
        grpc.add_item("alice", &product, 1).await.unwrap();
    }
    assert_eq!(grpc.lines("alice").await.len(), 3);
    grpc.add_item("alice", SECRET, -1).await.unwrap_err();
    grpc.remove_item("alice", SECRET).await.unwrap_err();
    let add = pb::AddLineItem {
        user_id: "alice".into(),
        product_id: SECRET.into(),
        ..Default::default()
    };
    let mut garbled = add.encode_to_vec();
    garbled.push(0xff);
    grpc.raw(&path("AddItem"), garbled).await.unwrap_err();
    let json = Some("application/json");
    for body in [
        format!(r#"{{"productId":"{SECRET}","quantity":"{SECRET}"}}"#),
        format!(r#"{{"{SECRET}":1}}"#),
        format!(r#"{{"productId":{SECRET}"#),
    ] {
        let refused = http
            .send(Method::POST, "/cart/alice/items/add", json, body)
            .await;
        assert!(refused.status >= 400, "{refused:?}");
    }
    let ended = running.terminate();
    assert!(!ended.stderr.contains(SECRET), "{ended:?}");

    // Stored by somebody else: it is no event of this program, and then no event at all.
    for damage in [
        "UPDATE event SET payload = CAST(payload || x'ff' AS BLOB)",
        "UPDATE snapshot SET payload = CAST(payload || x'ff' AS BLOB)",
    ] {
        let database = Connection::open(store.path().join(JOURNAL)).unwrap();
        assert_ne!(database.execute(damage, []).unwrap(), 0, "{damage}");
    }
    let running = program().start();
    let grpc = running.cart().await;
    grpc.get_cart("alice").await.unwrap_err();
    // The operator is told which cart it is.
    assert!(running.wait_for_stderr("alice"), "{running}");
    let ended = running.terminate();
    assert!(!ended.stderr.contains(SECRET), "{ended:?}");
}

#[test]
fn a_log_for_programs_is_an_object_a_line() {
    let program = programs::shopping_cart().env("METRICS_PORT", "0");
    let running = program.env("CLOUDSTATE_LOG_FORMAT", "json").start();
    let operators = running.operators();
    let ended = running.terminate();
    let lines: Vec<Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let told = format!("metrics and probes on http://{operators}");
    let told = |line: &&Value| line["message"] == *told && line["level"] == "INFO";
    assert_eq!(lines.iter().filter(told).count(), 1, "{lines:?}");
}
