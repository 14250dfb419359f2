//! Settings of TLS towards a user function in another process.

use std::path::PathBuf;

use clap::Args;
use cloudstate_process::BadSetting;
use cloudstate_transport::{ClientFiles, Connector, FileSetting};

/// Certificates, by which a user function is dialled over TLS.
#[derive(Args, Clone, Debug, Default)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct UserFunctionTls {
    /// PEM file with the authorities of the user function's certificate; it is dialled over TLS then.
    #[arg(
        long,
        env = "USER_FUNCTION_TLS_CA",
        value_name = "FILE",
        help_heading = "User function"
    )]
    pub user_function_tls_ca: Option<PathBuf>,

    /// PEM file with the certificate that the user function is shown, if it asks for one.
    #[arg(
        long,
        env = "USER_FUNCTION_TLS_CERT",
        value_name = "FILE",
        help_heading = "User function"
    )]
    pub user_function_tls_cert: Option<PathBuf>,

    /// PEM file with the private key of USER_FUNCTION_TLS_CERT.
    #[arg(
        long,
        env = "USER_FUNCTION_TLS_KEY",
        value_name = "FILE",
        help_heading = "User function"
    )]
    pub user_function_tls_key: Option<PathBuf>,

    /// Name in the user function's certificate, where it is not USER_FUNCTION_HOST.
    #[arg(
        long,
        env = "USER_FUNCTION_TLS_NAME",
        value_name = "NAME",
        help_heading = "User function"
    )]
    pub user_function_tls_name: Option<String>,
}

impl UserFunctionTls {
    /// Makes what dials the user function at `host`.
    ///
    /// # Errors
    /// A file that has to be there is not set, or cannot be used.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn connector(&self, host: &str) -> Result<Connector, BadSetting> {
        let files = ClientFiles {
            ca: FileSetting::new(
                "USER_FUNCTION_TLS_CA (--user-function-tls-ca)",
                &self.user_function_tls_ca,
            ),
            certificate: FileSetting::new(
                "USER_FUNCTION_TLS_CERT (--user-function-tls-cert)",
                &self.user_function_tls_cert,
            ),
            key: FileSetting::new(
                "USER_FUNCTION_TLS_KEY (--user-function-tls-key)",
                &self.user_function_tls_key,
            ),
            server_name_name: "USER_FUNCTION_TLS_NAME (--user-function-tls-name)",
            server_name: self.user_function_tls_name.clone(),
        };
        Connector::open(&files, host)
    }
}
