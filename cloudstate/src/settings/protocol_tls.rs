//! Settings of TLS towards a proxy in another process.

use std::path::PathBuf;

use clap::Args;
use cloudstate_transport::{ClientAuth, FileSetting, ServerFiles};

/// Certificates, by which a proxy in another process is served over TLS.
#[derive(Args, Clone, Debug, Default)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct ProtocolTls {
    /// PEM file with the certificate that a proxy is shown, and those between it and its authority; the protocol server
    /// speaks TLS then, and no longer plaintext.
    #[arg(
        long,
        env = "TLS_CERT",
        value_name = "FILE",
        help_heading = "Role user-function"
    )]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key of TLS_CERT.
    #[arg(
        long,
        env = "TLS_KEY",
        value_name = "FILE",
        help_heading = "Role user-function"
    )]
    pub tls_key: Option<PathBuf>,

    /// PEM file with authorities: only proxies with a certificate of one of them are served.
    #[arg(
        long,
        env = "TLS_CLIENT_CA",
        value_name = "FILE",
        help_heading = "Role user-function"
    )]
    pub tls_client_ca: Option<PathBuf>,

    /// Whether proxies without a certificate are refused where TLS_CLIENT_CA is set; not set, they are.
    #[arg(
        long,
        env = "TLS_CLIENT_AUTH",
        value_enum,
        help_heading = "Role user-function"
    )]
    pub tls_client_auth: Option<ClientAuth>,
}

impl ProtocolTls {
    pub(crate) fn files(&self) -> ServerFiles {
        ServerFiles {
            certificate: FileSetting::new("TLS_CERT (--tls-cert)", &self.tls_cert),
            key: FileSetting::new("TLS_KEY (--tls-key)", &self.tls_key),
            client_ca: FileSetting::new("TLS_CLIENT_CA (--tls-client-ca)", &self.tls_client_ca),
            client_auth_name: "TLS_CLIENT_AUTH (--tls-client-auth)",
            client_auth: self.tls_client_auth,
        }
    }
}
