//! Clients of the front-end.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use end_to_end::{Authority, DEADLINE, Running};

use super::Files;
use crate::support::cart::CartClient;

/// Connections that begin a handshake and leave it at that.
const STALLED: usize = 200;

#[tokio::test]
async fn grpc_and_http_are_served_on_one_port() {
    let files = Files::new();
    let service = files.shopping_cart().start();
    let address = service.address();
    let ready = format!("cloudstate ready on https://{address}\n");
    assert!(service.stdout().ends_with(&ready), "{service}");

    let cart = CartClient::connect_by(address, &files.stranger())
        .await
        .unwrap();
    cart.add_item("alice", "tea", 2).await.unwrap();
    let ca = files.path("servers.crt");
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = curl(&service, &ca, &[flag, "--write-out", "%{http_version}"]);
        let text = String::from_utf8(answer.stdout).unwrap();
        let expected =
            format!(r#"[{{"productId":"tea","name":"Product tea","quantity":2}}]{version}"#);
        assert_eq!(text, expected, "{flag}");
    }
    // TLS 1.2 is the oldest.
    let old = curl(&service, &ca, &["--tls-max", "1.2"]);
    assert!(old.status.success(), "{old:?}");
    let too_old = curl(
        &service,
        &ca,
        &["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"],
    );
    assert!(!too_old.status.success(), "{too_old:?}");
    plaintext_is_refused(address).await;
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 2)]);
}

/// A client without TLS gets an end, and no answer.
async fn plaintext_is_refused(server: SocketAddr) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let request = b"GET /carts/alice HTTP/1.1\r\nhost: cart\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // An end of either kind will do.
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{}", answer.escape_ascii());
}

#[tokio::test]
async fn only_clients_with_a_certificate_of_the_authority_are_served() {
    let files = Files::new();
    let service = files
        .shopping_cart()
        .env("HTTP_TLS_CLIENT_CA", files.path("clients.crt"))
        .start();
    let address = service.address();
    let known = files.client_of(&files.clients);
    let cart = CartClient::connect_by(address, &known).await.unwrap();
    cart.add_item("alice", "tea", 2).await.unwrap();

    let of_somebody_else = files.client_of(&Authority::new("clients"));
    for refused in [files.stranger(), of_somebody_else] {
        // In TLS 1.3 the client is done before the server has seen its certificate.
        if let Ok(cart) = CartClient::connect_by(address, &refused).await {
            cart.get_cart("alice").await.unwrap_err();
        }
    }
    // Nobody else has noticed.
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 2)]);
    assert_eq!(cart.connections(), 1);

    let (certificate, key) = files
        .clients
        .issue("curl")
        .write(files.directory.path(), "curl");
    let ca = files.path("servers.crt");
    let identity = [
        "--cert",
        certificate.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ];
    for version in ["1.2", "1.3"] {
        let version = ["--tls-max", version];
        let served = curl(&service, &ca, &version);
        assert!(!served.status.success(), "{version:?}: {served:?}");
        let served = curl(&service, &ca, &[&version[..], &identity].concat());
        assert!(served.status.success(), "{version:?}: {served:?}");
    }
}

#[tokio::test]
async fn certificates_of_clients_may_be_optional() {
    let files = Files::new();
    let service = files
        .shopping_cart()
        .env("HTTP_TLS_CLIENT_CA", files.path("clients.crt"))
        .env("HTTP_TLS_CLIENT_AUTH", "optional")
        .start();
    let address = service.address();
    for served in [files.stranger(), files.client_of(&files.clients)] {
        let cart = CartClient::connect_by(address, &served).await.unwrap();
        cart.add_item("alice", "tea", 2).await.unwrap();
    }
    let of_somebody_else = files.client_of(&Authority::new("clients"));
    if let Ok(cart) = CartClient::connect_by(address, &of_somebody_else).await {
        cart.get_cart("alice").await.unwrap_err();
    }
}

#[tokio::test]
async fn a_client_finds_out_that_a_server_is_somebody_else() {
    let files = Files::new();
    let service = files.shopping_cart().start();
    let trusting_others = Authority::new("servers").client(None);
    trusting_others
        .connect(service.address())
        .await
        .unwrap_err();
    files.stranger().connect(service.address()).await.unwrap();
}

#[tokio::test]
async fn handshakes_that_stall_hold_up_nobody_and_end() {
    let files = Files::new();
    let service = files.shopping_cart().start();
    let mut stalled = Vec::new();
    for number in 0..STALLED {
        let mut stream = TcpStream::connect(service.address()).await.unwrap();
        if number % 2 == 0 {
            // The head of a ClientHello whose rest never comes.
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        stalled.push(stream);
    }
    let cart = CartClient::connect_by(service.address(), &files.stranger())
        .await
        .unwrap();
    cart.add_item("alice", "tea", 2).await.unwrap();
    for mut stream in stalled {
        let mut rest = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut rest))
            .await
            .expect("the service ends what stalls");
    }
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 2)]);
    assert_eq!(cart.connections(), 1);
}

#[tokio::test]
async fn handshakes_that_stall_do_not_hold_up_the_end() {
    let files = Files::new();
    let service = files
        .shopping_cart()
        .env("CLOUDSTATE_DRAIN_TIMEOUT", "1h")
        .start();
    let _stalled = TcpStream::connect(service.address()).await.unwrap();
    // The connection has been accepted by the time a later one is served.
    files.stranger().connect(service.address()).await.unwrap();
    let ended = service.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// Reads alice's cart with an HTTP client that has another TLS.
fn curl(service: &Running, ca: &Path, arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "60"])
        .arg("--cacert")
        .arg(ca)
        .args(arguments)
        .arg(format!("https://{}/carts/alice/items", service.address()))
        .output()
        .unwrap()
}
