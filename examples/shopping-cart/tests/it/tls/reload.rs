//! Certificates that change while the service runs.

use std::net::SocketAddr;

use end_to_end::{Authority, Identity, TlsClient, eventually};

use super::Files;
use crate::support::cart::CartClient;

/// Waits until the server shows this certificate.
async fn shown(server: SocketAddr, client: &TlsClient, identity: &Identity) {
    eventually("the new certificate", async || {
        let shown = client.shown_by(server).await.map_err(|e| e.to_string())?;
        if shown == identity.der() {
            Ok(())
        } else {
            Err("another certificate".to_owned())
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_open_connections_go_on() {
    let files = Files::new();
    let service = files.shopping_cart().start();
    let address = service.address();
    let client = files.stranger();
    let cart = CartClient::connect_by(address, &client).await.unwrap();
    cart.add_item("alice", "tea", 2).await.unwrap();

    let by_signal = files.renew();
    service.signal("HUP");
    shown(address, &client, &by_signal).await;
    let unasked = files.renew();
    shown(address, &client, &unasked).await;

    cart.add_item("alice", "tea", 2).await.unwrap();
    assert_eq!(cart.connections(), 1);
    assert_eq!(service.terminate().code, Some(0));
}

#[tokio::test]
async fn what_cannot_be_used_is_named_and_the_old_stays() {
    let files = Files::new();
    let good = files.renew();
    let service = files.shopping_cart().start();
    let address = service.address();
    let client = files.stranger();

    let key = files.write("server.key", "not a key");
    service.signal("HUP");
    let expected = format!("HTTP_TLS_KEY (--http-tls-key): the file {}", key.display());
    assert!(service.wait_for_stderr(&expected), "{service}");
    assert_eq!(client.shown_by(address).await.unwrap(), good.der());

    std::fs::remove_file(files.path("server.crt")).unwrap();
    let expected = "HTTP_TLS_CERT (--http-tls-cert): the file";
    assert!(service.wait_for_stderr(expected), "{service}");
    assert_eq!(client.shown_by(address).await.unwrap(), good.der());

    // It can be mended without a restart.
    let mended = files.renew();
    shown(address, &client, &mended).await;
}

#[tokio::test]
async fn an_authority_that_is_taken_away_is_trusted_no_more() {
    let files = Files::new();
    let service = files
        .shopping_cart()
        .env("HTTP_TLS_CLIENT_CA", files.path("clients.crt"))
        .start();
    let address = service.address();
    let old = files.client_of(&files.clients);
    let cart = CartClient::connect_by(address, &old).await.unwrap();
    cart.add_item("alice", "tea", 2).await.unwrap();

    let authority = Authority::new("other clients");
    files.write("clients.crt", &authority.pem());
    service.signal("HUP");
    let new = files.client_of(&authority);
    eventually("the new authority", async || {
        let cart = CartClient::connect_by(address, &new).await;
        let cart = cart.map_err(|error| error.to_string())?;
        let answer = cart.get_cart("alice").await;
        answer.map_err(|status| status.to_string())
    })
    .await;
    if let Ok(cart) = CartClient::connect_by(address, &old).await {
        cart.get_cart("alice").await.unwrap_err();
    }
    // Who is in is in.
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 2)]);
    assert_eq!(cart.connections(), 1);
}
