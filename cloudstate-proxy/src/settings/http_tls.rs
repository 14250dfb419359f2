//! Settings of TLS towards clients.

use std::path::PathBuf;

use clap::Args;
use cloudstate_transport::{ClientAuth, FileSetting, ServerFiles};

/// Certificates, by which clients are served over TLS.
#[derive(Args, Clone, Debug, Default)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct HttpTls {
    /// PEM file with the certificate that clients are shown, and those between it and its authority; clients are served
    /// over TLS then, and no longer in plaintext.
    #[arg(long, env = "HTTP_TLS_CERT", value_name = "FILE", help_heading = "TLS")]
    pub http_tls_cert: Option<PathBuf>,

    /// PEM file with the private key of HTTP_TLS_CERT.
    #[arg(long, env = "HTTP_TLS_KEY", value_name = "FILE", help_heading = "TLS")]
    pub http_tls_key: Option<PathBuf>,

    /// PEM file with authorities: only clients with a certificate of one of them are served.
    #[arg(
        long,
        env = "HTTP_TLS_CLIENT_CA",
        value_name = "FILE",
        help_heading = "TLS"
    )]
    pub http_tls_client_ca: Option<PathBuf>,

    /// Whether clients without a certificate are refused where HTTP_TLS_CLIENT_CA is set; not set, they are.
    #[arg(long, env = "HTTP_TLS_CLIENT_AUTH", value_enum, help_heading = "TLS")]
    pub http_tls_client_auth: Option<ClientAuth>,
}

impl HttpTls {
    pub(crate) fn is_set(&self) -> bool {
        self.files().any()
    }

    pub(crate) fn files(&self) -> ServerFiles {
        ServerFiles {
            certificate: FileSetting::new("HTTP_TLS_CERT (--http-tls-cert)", &self.http_tls_cert),
            key: FileSetting::new("HTTP_TLS_KEY (--http-tls-key)", &self.http_tls_key),
            client_ca: FileSetting::new(
                "HTTP_TLS_CLIENT_CA (--http-tls-client-ca)",
                &self.http_tls_client_ca,
            ),
            client_auth_name: "HTTP_TLS_CLIENT_AUTH (--http-tls-client-auth)",
            client_auth: self.http_tls_client_auth,
        }
    }
}
