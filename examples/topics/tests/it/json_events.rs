//! A journal that the program wrote before its event changed is read by the program of today.

use std::path::Path;

use end_to_end::{Http, Program};
use serde_json::json;
use tempfile::tempdir;

fn before(store: &Path) -> Program {
    Program::new(env!("CARGO_BIN_EXE_json-events-before")).store(store)
}

fn today(store: &Path) -> Program {
    Program::new(env!("CARGO_BIN_EXE_json-events")).store(store)
}

async fn measure(http: &Http, celsius: i32) {
    let reading = json!({ "celsius": celsius }).to_string();
    let measured = http.post("/freezers/3", &reading).await;
    assert_eq!(measured.status, 200, "{measured:?}");
}

#[tokio::test]
async fn old_events_are_read_as_new_ones() {
    let store = tempdir().unwrap();
    let running = before(store.path()).start();
    for celsius in [-20, -5, -25] {
        measure(&running.http(), celsius).await;
    }
    running.kill();

    for (celsius, report) in [
        (-30, json!({"readings": 4, "warmestCelsius": -5.0})),
        (10, json!({"readings": 5, "warmestCelsius": 10.0})),
    ] {
        let running = today(store.path()).start();
        measure(&running.http(), celsius).await;
        assert_eq!(running.http().get("/freezers/3").await.json(), report);
        running.kill();
    }
}
