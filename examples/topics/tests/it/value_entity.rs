//! The cart that is stored as it is: the last value counts, also after `kill -9`, and a deleted cart is gone.

use end_to_end::Program;
use serde_json::json;
use tempfile::tempdir;

mod pb {
    cloudstate::include_proto!("com.example.shoppingcart");
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_value-entity"))
}

fn add(product: &str, quantity: i32) -> pb::AddLineItem {
    pb::AddLineItem {
        user_id: "alice".into(),
        product_id: product.into(),
        name: format!("Some {product}"),
        quantity,
    }
}

fn remove(product: &str) -> pb::RemoveLineItem {
    pb::RemoveLineItem {
        user_id: "alice".into(),
        product_id: product.into(),
    }
}

#[tokio::test]
async fn the_last_value_outlives_kill_9() {
    let store = tempdir().unwrap();
    let running = program().store(store.path()).start();
    let grpc = running.grpc().await;
    for (product, quantity) in [("tea", 2), ("pot", 1), ("tea", 1)] {
        let added = grpc.call(pb::ShoppingCart::AddItem, add(product, quantity));
        added.await.unwrap();
    }
    let refused = grpc.call(pb::ShoppingCart::AddItem, add("tea", 0)).await;
    assert_eq!(refused.unwrap_err().message(), "quantity must be positive");
    running.kill();

    let running = program().store(store.path()).start();
    let lines = json!([
        {"productId": "pot", "name": "Some pot", "quantity": 1},
        {"productId": "tea", "name": "Some tea", "quantity": 3},
    ]);
    let http = running.http();
    assert_eq!(http.get("/carts/alice/items").await.json(), lines);

    let grpc = running.grpc().await;
    for product in ["tea", "pot"] {
        let removed = grpc.call(pb::ShoppingCart::RemoveItem, remove(product));
        removed.await.unwrap();
    }
    running.kill();
    let running = program().store(store.path()).start();
    assert_eq!(running.http().get("/carts/alice/items").await.body, "[]");
}
