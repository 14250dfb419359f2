//! Probes say what is: on the port of the clients, on that of the operators, and over gRPC.

use tempfile::tempdir;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use end_to_end::{Answer, Http, Running, eventually, lasting_port};

use crate::support::programs::{self, ServesCarts as _};

const CART: &str = "com.example.shoppingcart.ShoppingCart";

/// Waits until a probe answers with this status.
async fn probed(port: &Http, path: &str, status: u16) -> Answer {
    eventually(path, async || {
        let answer = port.get(path).await;
        if answer.status == status {
            Ok(answer)
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await
}

/// The health of everything, and of the cart, over gRPC.
async fn health(running: &Running) -> [ServingStatus; 2] {
    let endpoint = Endpoint::from_shared(format!("http://{}", running.address())).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let mut found = [ServingStatus::Unknown; 2];
    for (status, service) in found.iter_mut().zip(["", CART]) {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        *status = client.check(request).await.unwrap().into_inner().status();
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_is_ready_while_it_reaches_its_user_function() {
    let port = lasting_port();
    let sidecar = programs::proxy(port)
        .env("METRICS_HOST", "127.0.0.1")
        .env("METRICS_PORT", "0")
        .spawn();
    let operators = Http::new(sidecar.operators());
    let starting = probed(&operators, "/ready", 503).await;
    assert!(starting.body.contains("starting"), "{starting:?}");
    assert_eq!(operators.get("/alive").await.status, 200);

    let user_function = programs::user_function(port).start();
    let sidecar = sidecar.ready();
    let clients = sidecar.http();
    for port in [&operators, &clients] {
        assert_eq!(probed(port, "/ready", 200).await.body, "OK");
    }
    assert_eq!(health(&sidecar).await, [ServingStatus::Serving; 2]);

    user_function.kill();
    for port in [&operators, &clients] {
        let objection = probed(port, "/ready", 503).await;
        assert!(objection.body.contains("user function"), "{objection:?}");
        assert_eq!(port.get("/alive").await.status, 200);
    }
    assert_eq!(health(&sidecar).await, [ServingStatus::NotServing; 2]);
    let connected = sidecar.metrics().await;
    assert_eq!(
        connected.value("cloudstate_user_function_connected", &[]),
        0.0
    );

    let _user_function = programs::user_function(port).start();
    for port in [&operators, &clients] {
        probed(port, "/ready", 200).await;
    }
    assert_eq!(health(&sidecar).await, [ServingStatus::Serving; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_disk_is_full_is_not_ready() {
    let store = tempdir().unwrap();
    // No file may become larger than this; what writes on is not killed, but told.
    let full = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
    let program = programs::shopping_cart().store(store.path());
    let service = program.env("METRICS_PORT", "0").through_shell(full).start();
    let operators = Http::new(service.operators());
    assert_eq!(operators.get("/ready").await.status, 200);
    let grpc = service.cart().await;
    let product = "x".repeat(100_000);
    let refused = eventually("the disk is full", async || {
        let added = grpc.add_item("alice", &product, 1).await;
        added.err().ok_or_else(|| "added".to_owned())
    });
    assert_eq!(refused.await.code(), Code::Unavailable);
    let objection = probed(&operators, "/ready", 503).await;
    assert!(objection.body.contains("store"), "{objection:?}");
    // It can help itself as soon as there is room.
    assert_eq!(operators.get("/alive").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_is_not_ready_and_finishes_what_it_has_begun() {
    let program = programs::shopping_cart().env("METRICS_PORT", "0");
    let service = program.env("CLOUDSTATE_DRAIN_TIMEOUT", "1h").start();
    let operators = Http::new(service.operators());
    let body = r#"{"productId": "tea", "quantity": 1}"#;
    let head = format!(
        "POST /cart/alice/items/add HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\
         content-type: application/json\r\n\r\n",
        body.len()
    );
    let mut begun = TcpStream::connect(service.address()).await.unwrap();
    begun.write_all(head.as_bytes()).await.unwrap();
    eventually("the request is in progress", async || {
        let metrics = service.metrics().await;
        match metrics.value("cloudstate_frontend_requests_in_progress", &[]) {
            1.0 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;

    service.signal("TERM");
    let objection = probed(&operators, "/ready", 503).await;
    assert!(objection.body.contains("stopping"), "{objection:?}");
    assert_eq!(operators.get("/alive").await.status, 200);
    begun.write_all(body.as_bytes()).await.unwrap();
    let ended = service.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
