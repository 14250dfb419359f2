//! TLS: who is served and who is not, certificates that change, and settings that cannot be meant.

mod clients;
mod reload;
mod settings;
mod user_function;

use std::{fs, path::PathBuf};

use tempfile::{TempDir, tempdir};

use end_to_end::{Authority, Identity, Program, TlsClient};

use crate::support::programs;

/// Authorities of servers and of clients, and the files that programs are given.
struct Files {
    directory: TempDir,
    servers: Authority,
    clients: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            directory: tempdir().unwrap(),
            servers: Authority::new("servers"),
            clients: Authority::new("clients"),
        };
        files.write("servers.crt", &files.servers.pem());
        files.write("clients.crt", &files.clients.pem());
        files.renew();
        files
    }

    /// Gives the server another certificate, at the same place.
    fn renew(&self) -> Identity {
        let identity = self.servers.issue("server");
        identity.write(self.directory.path(), "server");
        identity
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The shopping cart, which serves clients over TLS.
    fn shopping_cart(&self) -> Program {
        programs::shopping_cart()
            .env("HTTP_TLS_CERT", self.path("server.crt"))
            .env("HTTP_TLS_KEY", self.path("server.key"))
    }

    /// A client that has no certificate.
    fn stranger(&self) -> TlsClient {
        self.servers.client(None)
    }

    /// A client with a certificate of this authority.
    fn client_of(&self, authority: &Authority) -> TlsClient {
        self.servers.client(Some(&authority.issue("client")))
    }
}
