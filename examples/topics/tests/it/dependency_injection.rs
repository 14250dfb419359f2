//! The entity prices a dish by the list that the program gave it, and keeps that price.

use end_to_end::Program;
use serde_json::json;
use tempfile::tempdir;

mod pb {
    cloudstate::include_proto!("com.example.bills");
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_dependency-injection"))
}

#[tokio::test]
async fn what_was_ordered_keeps_its_price() {
    let store = tempdir().unwrap();
    let running = program().store(store.path()).start();
    let http = running.http();
    assert_eq!(http.post("/tables/7/order/soup", "").await.status, 200);
    let unknown = http.post("/tables/7/order/oysters", "").await;
    assert_eq!(
        (unknown.status, unknown.body.as_str()),
        (500, "there is no oysters today")
    );
    running.kill();

    let dearer = program().store(store.path()).env("PRICES", "soup=900");
    let running = dearer.start();
    let grpc = running.grpc().await;
    let table = || "7".to_owned();
    let order = pb::Order {
        table: table(),
        dish: "soup".into(),
    };
    grpc.call(pb::Bills::Order, order).await.unwrap();
    let bill = grpc
        .call(pb::Bills::Get, pb::Which { table: table() })
        .await;
    let expected = pb::Bill {
        dishes: vec!["soup".into(), "soup".into()],
        cents: 450 + 900,
    };
    assert_eq!(bill.unwrap(), expected);
    assert_eq!(
        running.http().get("/tables/7").await.json(),
        json!({"dishes": ["soup", "soup"], "cents": 1350})
    );
}
