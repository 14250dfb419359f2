//! Both ends of a connection, over the loopback interface.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{io, path::Path, time::Duration};

use cloudstate_transport::{Acceptor, ClientFiles, Connector, FileSetting, ServerFiles, Stream};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::{TempDir, tempdir};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Far more than anything takes.
const DEADLINE: Duration = Duration::from_secs(60);

struct Files {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let files = Self {
            directory: tempdir().unwrap(),
            authority: CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap())
                .unwrap(),
        };
        std::fs::write(files.path().join("ca"), files.authority.pem()).unwrap();
        files.issue("server", "localhost");
        files.issue("client", "client");
        files
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn issue(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.path().join(file), certificate.pem()).unwrap();
        let key_file = self.path().join(format!("{file}.key"));
        std::fs::write(key_file, key.serialize_pem()).unwrap();
    }

    fn setting(&self, name: &'static str, file: Option<&str>) -> FileSetting {
        FileSetting {
            name,
            path: file.map(|file| self.path().join(file)),
        }
    }

    fn acceptor(&self, client_ca: Option<&str>) -> Acceptor {
        let files = ServerFiles {
            certificate: self.setting("CERT", Some("server")),
            key: self.setting("KEY", Some("server.key")),
            client_ca: self.setting("CLIENT_CA", client_ca),
            client_auth_name: "CLIENT_AUTH",
            client_auth: None,
        };
        Acceptor::open(&files).unwrap()
    }

    fn connector(&self, identity: Option<&str>, host: &str) -> Connector {
        let key = identity.map(|file| format!("{file}.key"));
        let files = ClientFiles {
            ca: self.setting("CA", Some("ca")),
            certificate: self.setting("CERT", identity),
            key: self.setting("KEY", key.as_deref()),
            server_name_name: "NAME",
            server_name: None,
        };
        Connector::open(&files, host).unwrap()
    }
}

/// What each side gets, once the other's handshake is over for it.
async fn connect(
    acceptor: &Acceptor,
    connector: &Connector,
) -> (io::Result<Stream>, io::Result<Stream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = async {
        let (stream, _) = listener.accept().await?;
        acceptor.accept(stream).await
    };
    let dialled = async { connector.secure(TcpStream::connect(address).await?).await };
    tokio::time::timeout(DEADLINE, async { tokio::join!(accepted, dialled) })
        .await
        .unwrap()
}

async fn exchange(mut one: Stream, mut other: Stream) {
    for (from, to) in [(b"to and", 0), (b" fro! ", 1)] {
        let (writer, reader) = match to {
            0 => (&mut one, &mut other),
            _ => (&mut other, &mut one),
        };
        writer.write_all(from).await.unwrap();
        writer.flush().await.unwrap();
        let mut read = [0; 6];
        reader.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, from);
    }
    one.shutdown().await.unwrap();
    assert_eq!(other.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn bytes_pass_in_plaintext() {
    let (accepted, dialled) = connect(&Acceptor::plaintext(), &Connector::plaintext()).await;
    exchange(accepted.unwrap(), dialled.unwrap()).await;
}

#[tokio::test]
async fn bytes_pass_over_tls_and_both_sides_are_known() {
    let files = Files::new();
    for (client_ca, identity) in [(None, None), (Some("ca"), Some("client"))] {
        let acceptor = files.acceptor(client_ca);
        let connector = files.connector(identity, "localhost");
        assert_eq!((acceptor.scheme(), connector.scheme()), ("https", "https"));
        let (accepted, dialled) = connect(&acceptor, &connector).await;
        exchange(accepted.unwrap(), dialled.unwrap()).await;
    }
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let files = Files::new();
    let connector = files.connector(None, "carts.example.com");
    let (accepted, dialled) = connect(&files.acceptor(None), &connector).await;
    accepted.unwrap_err();
    let error = dialled.unwrap_err().to_string();
    assert!(error.contains("carts.example.com"), "{error}");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let files = Files::new();
    let connector = files.connector(None, "localhost");
    let (accepted, _) = connect(&files.acceptor(Some("ca")), &connector).await;
    let error = accepted.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_client_shows_its_new_certificate() {
    let files = Files::new();
    let strangers = Files::new();
    // The client's certificate is not one of the server's authority, until it is exchanged.
    std::fs::copy(strangers.path().join("client"), files.path().join("client")).unwrap();
    let key = strangers.path().join("client.key");
    std::fs::copy(key, files.path().join("client.key")).unwrap();
    let acceptor = files.acceptor(Some("ca"));
    let connector = files.connector(Some("client"), "localhost");
    let (accepted, _) = connect(&acceptor, &connector).await;
    accepted.unwrap_err();

    files.issue("client", "client");
    let accepted = async {
        loop {
            if let (Ok(accepted), Ok(dialled)) = connect(&acceptor, &connector).await {
                return (accepted, dialled);
            }
        }
    };
    let (accepted, dialled) = tokio::time::timeout(DEADLINE, accepted).await.unwrap();
    exchange(accepted, dialled).await;
}
