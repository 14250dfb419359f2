//! An order goes through the action to its entity, and its side effect into another.

use end_to_end::Program;
use serde_json::json;
use tempfile::tempdir;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_forwards-and-effects"))
}

#[tokio::test]
async fn an_order_is_placed_once_and_confirmed_by_mail() {
    let store = tempdir().unwrap();
    let running = program().store(store.path()).start();
    let http = running.http();
    let order = r#"{"orderId": "4711", "customer": "alice", "product": "tea"}"#;
    let receipt = json!({"orderId": "4711", "product": "tea"});
    for _ in 0..3 {
        let bought = http.post("/checkout", order).await;
        assert_eq!(bought.json(), receipt, "{bought:?}");
    }
    let refused = http.post("/checkout", r#"{"orderId": "4712"}"#).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (500, "name a product")
    );

    let mails = json!({"texts": ["tea is on its way"]});
    assert_eq!(http.get("/mailbox/alice").await.json(), mails);
    running.kill();
    let running = program().store(store.path()).start();
    let http = running.http();
    assert_eq!(http.get("/mailbox/alice").await.json(), mails);
    assert_eq!(http.post("/checkout", order).await.json(), receipt);
    assert_eq!(http.get("/mailbox/alice").await.json(), mails);
}
