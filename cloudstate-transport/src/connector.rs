//! Connections to others.

use std::io;

use cloudstate_process::BadSetting;
use tokio::net::TcpStream;

use crate::{ClientFiles, Stream, tls};

/// Makes connections to one server what they should be.
#[derive(Clone, Debug)]
pub struct Connector(Option<tls::Client>);

impl Connector {
    /// Leaves connections as they are.
    pub fn plaintext() -> Self {
        Self(None)
    }

    /// Encrypts connections to `host` if any of the files is set, and checks that the server is who it should be.
    ///
    /// The files are read here, and whenever they change or the process gets SIGHUP; what they hold is used from the next
    /// connection on. New ones that cannot be used are logged, and those before them stay in use.
    ///
    /// # Errors
    /// A file that has to be there is not set, cannot be read, or does not hold what it should; or the server's name
    /// cannot be one.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn open(files: &ClientFiles, host: &str) -> Result<Self, BadSetting> {
        let Some(set) = files.set()? else {
            return Ok(Self(None));
        };
        let name = files.server_name.as_deref().unwrap_or(host);
        let client = tls::Client::open(set, name).map_err(|error| match error {
            tls::OpenError::Setting(setting) => setting,
            tls::OpenError::Name => BadSetting::new(format!(
                "{}: {name:?} is neither a host name nor an IP address, and cannot be in a certificate",
                files.server_name_name
            )),
        })?;
        Ok(Self(Some(client)))
    }

    /// How the address of the server begins: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        match self.0 {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Whether connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.is_some()
    }

    /// Does what is to be done on a new connection before the first byte of HTTP.
    ///
    /// It can take as long as the other side likes; how long is for the caller to say.
    ///
    /// # Errors
    /// The handshake failed; the error says why.
    pub async fn secure(&self, stream: TcpStream) -> io::Result<Stream> {
        match &self.0 {
            Some(client) => client.connect(stream).await.map(Stream::dialled),
            None => Ok(Stream::plain(stream)),
        }
    }
}
