//! Certificates for a test, and clients that show and check them.

use std::{fs, io, net::SocketAddr, path::Path, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Issues certificates.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// A client that trusts one authority.
#[derive(Clone, Debug)]
pub struct TlsClient(Arc<ClientConfig>);

impl Authority {
    /// An authority of this name, which nobody knows.
    pub fn new(name: &str) -> Self {
        let mut parameters = parameters(&[], name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, key());
        Self(issuer.expect("an authority can sign itself"))
    }

    /// Its own certificate, by which others trust it, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server of this machine, or for a client.
    pub fn issue(&self, name: &str) -> Identity {
        let key = key();
        let certificate = parameters(&["localhost", "127.0.0.1"], name)
            .signed_by(&key, &self.0)
            .expect("an authority can sign");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that trusts this authority, and shows a certificate if it has one.
    pub fn client(&self, identity: Option<&Identity>) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has")
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.der()], identity.private_key())
                .expect("a certificate and its key"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsClient(Arc::new(config))
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key`, and says where they are.
    pub fn write(&self, directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let certificate = directory.join(format!("{name}.crt"));
        let key = directory.join(format!("{name}.key"));
        fs::write(&certificate, &self.certificate).expect("a file can be written");
        fs::write(&key, &self.key).expect("a file can be written");
        (certificate, key)
    }

    /// The certificate as it is sent.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key")
    }
}

impl TlsClient {
    /// Connects; the protocol is HTTP/2.
    ///
    /// # Errors
    /// Nobody listens, or the handshake fails.
    pub async fn connect(&self, server: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(server.ip());
        let connector = TlsConnector::from(Arc::clone(&self.0));
        connector.connect(name, stream).await
    }

    /// The certificate that the server shows.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn shown_by(&self, server: SocketAddr) -> io::Result<CertificateDer<'static>> {
        let stream = self.connect(server).await?;
        let (_, session) = stream.get_ref();
        let shown = session
            .peer_certificates()
            .and_then(|chain| chain.first().cloned());
        Ok(shown.expect("a server has a certificate"))
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn parameters(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut parameters = CertificateParams::new(names).expect("names of this machine");
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, common_name);
    parameters
}
