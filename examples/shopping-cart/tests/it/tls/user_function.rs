//! The sidecar and its user function, over TLS with certificates on both sides.

use end_to_end::{Authority, Program, eventually, lasting_port};

use super::Files;
use crate::support::programs::{self, ServesCarts as _};

impl Files {
    /// The shopping cart's entities, for sidecars with a certificate.
    fn user_function(&self, port: u16) -> Program {
        programs::user_function(port)
            .env("TLS_CERT", self.path("server.crt"))
            .env("TLS_KEY", self.path("server.key"))
            .env("TLS_CLIENT_CA", self.path("clients.crt"))
    }

    /// A sidecar that trusts the authority of servers, and has no certificate.
    fn stranger_sidecar(&self, port: u16) -> Program {
        programs::proxy(port).env("USER_FUNCTION_TLS_CA", self.path("servers.crt"))
    }

    fn sidecar(&self, port: u16) -> Program {
        let identity = self.clients.issue("sidecar");
        let (certificate, key) = identity.write(self.directory.path(), "sidecar");
        self.stranger_sidecar(port)
            .env("USER_FUNCTION_TLS_CERT", certificate)
            .env("USER_FUNCTION_TLS_KEY", key)
    }
}

#[tokio::test]
async fn a_user_function_that_was_killed_is_found_again() {
    let files = Files::new();
    let port = lasting_port();
    let function = files.user_function(port).start();
    let expected = format!("cloudstate user function ready on https://127.0.0.1:{port}\n");
    assert!(function.stdout().ends_with(&expected), "{function}");
    let sidecar = files.sidecar(port).start();
    let cart = sidecar.cart().await;
    cart.add_item("alice", "tea", 2).await.unwrap();

    function.kill();
    cart.add_item("alice", "tea", 2).await.unwrap_err();
    // Whoever comes back may have another certificate of the same authority.
    files.renew();
    let function = files.user_function(port).start();
    eventually("the user function is found again", async || {
        let answer = cart.add_item("alice", "tea", 2).await;
        answer.map_err(|status| status.to_string())
    })
    .await;
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 4)]);

    assert_eq!(sidecar.terminate().code, Some(0));
    assert_eq!(function.terminate().code, Some(0));
}

#[tokio::test]
async fn a_sidecar_uses_its_new_certificate_from_the_next_connection_on() {
    let files = Files::new();
    let port = lasting_port();
    let function = files.user_function(port).start();
    let sidecar = files.sidecar(port).start();
    let cart = sidecar.cart().await;
    cart.add_item("alice", "tea", 2).await.unwrap();

    // Both sides change to another authority of clients.
    let authority = Authority::new("other clients");
    files.write("clients.crt", &authority.pem());
    let identity = authority.issue("sidecar");
    identity.write(files.directory.path(), "sidecar");
    sidecar.signal("HUP");
    function.kill();
    let _function = files.user_function(port).start();
    eventually("the user function is found again", async || {
        let answer = cart.add_item("alice", "tea", 2).await;
        answer.map_err(|status| status.to_string())
    })
    .await;
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 4)]);
}

#[tokio::test]
async fn sidecars_that_do_not_fit_are_refused_and_say_why() {
    let files = Files::new();
    let others = files.write("others.crt", &Authority::new("servers").pem());
    let port = lasting_port();
    let function = files.user_function(port).start();
    let served = files.sidecar(port).start();
    let cart = served.cart().await;
    cart.add_item("alice", "tea", 2).await.unwrap();

    let trusting_others = files.sidecar(port).env("USER_FUNCTION_TLS_CA", others);
    let expecting_another = files.sidecar(port).env("USER_FUNCTION_TLS_NAME", "carts");
    let refused = |sidecar: Program| {
        let sidecar = sidecar.spawn();
        let complaint = "cannot be discovered yet";
        assert!(sidecar.wait_for_stderr(complaint), "{sidecar}");
        assert_eq!(sidecar.stdout(), "");
        sidecar
    };
    for (sidecar, reason) in [
        (trusting_others, "invalid peer certificate: BadSignature"),
        (
            expecting_another,
            "certificate not valid for name \"carts\"",
        ),
    ] {
        let sidecar = refused(sidecar);
        assert!(sidecar.wait_for_stderr(reason), "{reason}: {sidecar}");
    }
    refused(programs::proxy(port));
    // Which side sees the end of the connection first is a matter of chance; this side always knows the reason.
    let _without_certificate = refused(files.stranger_sidecar(port));
    let reason = "peer sent no certificates";
    assert!(function.wait_for_stderr(reason), "{function}");
    assert_eq!(cart.lines("alice").await, [("tea".to_owned(), 2)]);
}

#[tokio::test]
async fn a_name_that_is_not_the_host_can_be_expected() {
    let files = Files::new();
    let port = lasting_port();
    let _function = files.user_function(port).start();
    let sidecar = files
        .sidecar(port)
        .env("USER_FUNCTION_TLS_NAME", "localhost")
        .start();
    sidecar
        .cart()
        .await
        .add_item("alice", "tea", 2)
        .await
        .unwrap();
}
