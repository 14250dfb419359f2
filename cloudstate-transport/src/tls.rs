//! TLS by rustls, with the cryptography of ring.

mod pem;
mod reload;

use std::{io, sync::Arc};

use cloudstate_process::BadSetting;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
    server::WebPkiClientVerifier,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::files::{ClientAuth, ClientSet, NamedFile, ServerSet};
use pem::Complaint;
use reload::Reloaded;

/// What the front-end and the protocol server speak, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A connection that is encrypted.
pub(crate) type Stream = TlsStream<TcpStream>;

/// The side that is connected to.
#[derive(Clone, Debug)]
pub(crate) struct Server(Reloaded<ServerConfig>);

/// The side that connects.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    config: Reloaded<ClientConfig>,
    server: ServerName<'static>,
}

/// Why a client cannot be made.
#[derive(Debug)]
pub(crate) enum OpenError {
    Setting(BadSetting),
    Name,
}

impl Server {
    pub(crate) fn open(files: ServerSet) -> Result<Self, BadSetting> {
        let ServerSet {
            certificate,
            key,
            client_ca,
            client_auth,
        } = files;
        let files = [Some(certificate), Some(key), client_ca];
        let files = files.into_iter().flatten().collect();
        Reloaded::open(files, move |files| server_config(files, client_auth)).map(Self)
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let stream = TlsAcceptor::from(self.0.current()).accept(stream).await?;
        Ok(stream.into())
    }
}

impl Client {
    pub(crate) fn open(files: ClientSet, name: &str) -> Result<Self, OpenError> {
        let server = ServerName::try_from(name.to_owned()).map_err(|_| OpenError::Name)?;
        let ClientSet { ca, identity } = files;
        let mut files = vec![ca];
        files.extend(identity.into_iter().flat_map(<[NamedFile; 2]>::from));
        let config = Reloaded::open(files, client_config).map_err(OpenError::Setting)?;
        Ok(Self { config, server })
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<Stream> {
        let connector = TlsConnector::from(self.config.current());
        let stream = connector.connect(self.server.clone(), stream).await?;
        Ok(stream.into())
    }
}

/// From the certificate, its key and, where clients have certificates, their authorities.
fn server_config(
    files: &[(NamedFile, Vec<u8>)],
    client_auth: ClientAuth,
) -> Result<ServerConfig, Complaint> {
    let [certificate, key, client_ca @ ..] = files else {
        return Err(Complaint::Missing);
    };
    let provider = provider();
    let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Complaint::new(&certificate.0, &error))?;
    let builder = match client_ca {
        [] => versions.with_no_client_auth(),
        [client_ca, ..] => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(client_ca)?), provider);
            let verifier = match client_auth {
                ClientAuth::Required => verifier,
                ClientAuth::Optional => verifier.allow_unauthenticated(),
            };
            let verifier = verifier
                .build()
                .map_err(|error| Complaint::new(&client_ca.0, &error))?;
            versions.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(pem::certificates(certificate)?, pem::key(key)?)
        .map_err(|error| Complaint::of_pair(&certificate.0, &key.0, &error))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(config)
}

/// From the server's authorities and, where there are any, one's own certificate and its key.
fn client_config(files: &[(NamedFile, Vec<u8>)]) -> Result<ClientConfig, Complaint> {
    let [ca, identity @ ..] = files else {
        return Err(Complaint::Missing);
    };
    let provider = provider();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots(ca)?), Arc::clone(&provider))
            .build()
            .map_err(|error| Complaint::new(&ca.0, &error))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Complaint::new(&ca.0, &error))?
        .with_webpki_verifier(verifier);
    let mut config = match identity {
        [certificate, key, ..] => builder
            .with_client_auth_cert(pem::certificates(certificate)?, pem::key(key)?)
            .map_err(|error| Complaint::of_pair(&certificate.0, &key.0, &error))?,
        _ => builder.with_no_client_auth(),
    };
    // The protocol is gRPC.
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Named explicitly: with a second provider somewhere in a program, the default would be none.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(file: &(NamedFile, Vec<u8>)) -> Result<RootCertStore, Complaint> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file)? {
        roots
            .add(certificate)
            .map_err(|error| Complaint::new(&file.0, &error))?;
    }
    Ok(roots)
}
