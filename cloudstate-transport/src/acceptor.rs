//! Connections that others make.

use std::{io, time::Duration};

use cloudstate_process::BadSetting;
use tokio::{net::TcpStream, time::timeout};

use crate::{ServerFiles, Stream, tls};

/// How long a client may take over the handshake of TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes connections of what a socket has accepted.
#[derive(Clone, Debug)]
pub struct Acceptor(Option<tls::Server>);

impl Acceptor {
    /// Leaves connections as they are.
    pub fn plaintext() -> Self {
        Self(None)
    }

    /// Encrypts connections if any of the files is set: TLS 1.2 or 1.3, with HTTP/2 or HTTP/1.1 by ALPN.
    ///
    /// The files are read here, and whenever they change or the process gets SIGHUP. New ones that cannot be used are
    /// logged, and those before them stay in use.
    ///
    /// # Errors
    /// A file that has to be there is not set, cannot be read, or does not hold what it should.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn open(files: &ServerFiles) -> Result<Self, BadSetting> {
        let server = files.set()?.map(tls::Server::open).transpose()?;
        Ok(Self(server))
    }

    /// How the address of what is served begins: `http` or `https`.
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

    /// Does what is to be done before the first byte of HTTP.
    ///
    /// It can take as long as the other side likes, up to ten seconds; accept the next connection meanwhile.
    ///
    /// # Errors
    /// The handshake failed, or took too long.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        // A small reply must not wait for the acknowledgement of an earlier one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let Some(server) = &self.0 else {
            return Ok(Stream::plain(stream));
        };
        let handshake = timeout(HANDSHAKE_TIMEOUT, server.accept(stream));
        let stream = handshake.await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Stream::accepted(stream))
    }
}
