//! The same cart behind the sidecar: two processes, either of which may be killed.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tempfile::tempdir;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use end_to_end::{Running, eventually, lasting_port};

use crate::support::{
    cart::CartClient,
    ledger::Ledger,
    programs::{self, ServesCarts as _},
};

/// A sidecar and the user function that it dials.
struct Pair {
    port: u16,
    user_function: Running,
    proxy: Running,
}

impl Pair {
    fn start(store: &Path) -> Self {
        let port = lasting_port();
        Self {
            port,
            user_function: programs::user_function(port).start(),
            proxy: programs::proxy(port).store(store).start(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sidecar_serves_what_the_single_binary_serves() {
    let store = tempdir().unwrap();
    let pair = Pair::start(store.path());
    let (grpc, http) = (pair.proxy.cart().await, pair.proxy.http());
    grpc.add_item("alice", "tea", 2).await.unwrap();
    let line = r#"{"productId": "tea", "name": "Green tea", "quantity": 1}"#;
    assert_eq!(http.post("/cart/alice/items/add", line).await.status, 200);
    let lines = json!([{"productId": "tea", "name": "Green tea", "quantity": 3}]);
    assert_eq!(http.get("/carts/alice/items").await.json(), lines);

    let refused = grpc.add_item("alice", "tea", 0).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown);
    assert_eq!(refused.message(), "quantity must be positive");
    let refused = http.post("/cart/alice/items/pot/remove", "").await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (500, "not in the cart")
    );
    assert_eq!(http.get("/carts/alice/items").await.json(), lines);

    // Enough for two snapshots, then everything from the journal.
    for number in 0..210 {
        grpc.add_item("bob", &format!("product-{number}"), 1)
            .await
            .unwrap();
    }
    let bobs = grpc.lines("bob").await;
    assert_eq!(bobs.len(), 210);
    let Pair {
        proxy,
        user_function,
        port,
    } = pair;
    let ended = proxy.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = user_function.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let _user_function = programs::user_function(port).start();
    let proxy = programs::proxy(port).store(store.path()).start();
    assert_eq!(proxy.cart().await.lines("bob").await, bobs);
}

#[tokio::test]
async fn what_the_sidecar_stored_the_single_binary_reads() {
    let store = tempdir().unwrap();
    let pair = Pair::start(store.path());
    pair.proxy
        .cart()
        .await
        .add_item("alice", "tea", 2)
        .await
        .unwrap();
    drop(pair);
    let service = programs::shopping_cart().store(store.path()).start();
    let lines = service.cart().await.lines("alice").await;
    assert_eq!(lines, [("tea".to_owned(), 2)]);
}

#[tokio::test]
async fn the_sidecar_waits_for_its_user_function() {
    let store = tempdir().unwrap();
    let port = lasting_port();
    let proxy = programs::proxy(port).store(store.path()).spawn();
    let waiting = proxy.wait_for_stderr("cannot be discovered yet");
    assert!(waiting, "{proxy}");
    let _user_function = programs::user_function(port).start();
    let proxy = proxy.ready();
    assert_eq!(proxy.cart().await.lines("alice").await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_user_function_costs_only_the_calls_in_progress() {
    let store = tempdir().unwrap();
    let Pair {
        port,
        mut user_function,
        proxy,
    } = Pair::start(store.path());
    let ledger = Arc::new(Ledger::default());
    for round in 0..5 {
        let load = Load::start(&proxy, &ledger, round).await;
        load.wait_for_adds().await;
        user_function.kill();
        let seen = load.wait_for_failure().await;
        assert!(says_why(&seen), "{seen:?}");
        let grpc = proxy.cart().await;
        let seen = grpc.get_cart("cart-0").await.unwrap_err();
        assert!(says_why(&seen), "{seen:?}");
        // What needs no user function goes on.
        assert_eq!(proxy.http().get("/nothing/here").await.status, 404);

        user_function = programs::user_function(port).start();
        eventually("carts can be read again", || async {
            grpc.get_cart("cart-0")
                .await
                .map_err(|status| status.to_string())
        })
        .await;
        load.stop().await;
        ledger.check(&grpc).await;
    }
    assert_eq!(proxy.terminate().code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sidecar_loses_nothing_it_acknowledged() {
    let store = tempdir().unwrap();
    let Pair {
        port,
        user_function,
        mut proxy,
    } = Pair::start(store.path());
    let ledger = Arc::new(Ledger::default());
    for round in 0..5 {
        let load = Load::start(&proxy, &ledger, round).await;
        load.wait_for_adds().await;
        proxy.kill();
        load.wait_for_failure().await;
        load.stop().await;
        proxy = programs::proxy(port).store(store.path()).start();
        ledger.check(&proxy.cart().await).await;
    }
    let ended = user_function.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The two answers that a caller has when the user function goes away.
fn says_why(status: &Status) -> bool {
    status.code() == Code::Unavailable
        || status.code() == Code::Unknown && status.message() == "Unexpected entity termination"
}

/// Clients that add items until they are told to stop, whatever the answers.
struct Load {
    clients: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicUsize,
    failure: std::sync::Mutex<Option<Status>>,
    stop: AtomicBool,
}

impl Load {
    async fn start(proxy: &Running, ledger: &Arc<Ledger>, round: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut clients = Vec::new();
        for number in 0..8 {
            let client = proxy.cart().await;
            let (ledger, shared) = (Arc::clone(ledger), Arc::clone(&shared));
            let name = format!("round-{round}-client-{number}");
            clients.push(tokio::spawn(async move {
                shared.add_items(&client, &ledger, &name).await;
            }));
        }
        Self { clients, shared }
    }

    async fn wait_for_adds(&self) {
        eventually("adds are acknowledged", || async {
            match self.shared.acknowledged.load(Ordering::Relaxed) {
                50.. => Ok(()),
                few => Err(format!("{few}; {:?}", self.shared.failure)),
            }
        })
        .await;
        let failure = self.shared.failure.lock().unwrap();
        assert!(failure.is_none(), "before anything broke: {failure:?}");
    }

    /// The first failure that a client met.
    async fn wait_for_failure(&self) -> Status {
        eventually("a client notices", || async {
            let failure = self.shared.failure.lock().unwrap().clone();
            failure.ok_or_else(|| "every add is acknowledged".to_owned())
        })
        .await
    }

    async fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("a client does not panic");
        }
    }
}

impl Shared {
    async fn add_items(&self, client: &CartClient, ledger: &Ledger, name: &str) {
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let cart = format!("cart-{}", number % 10);
            match ledger.add(client, &cart, &format!("{name}-{number}")).await {
                Ok(()) => {
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Err(status) => {
                    self.failure.lock().unwrap().get_or_insert(status);
                    // As a client that is told to try again later does.
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            }
        }
    }
}
