//! Where the user function is, and how a connection to it is made.

use std::{io, sync::Arc, time::Duration};

use cloudstate_transport::{Connector, Stream};
use tokio::{net::TcpStream, time::timeout};

/// How long a connection may take to be made, with the handshake of TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An address that is looked up anew for each connection.
#[derive(Clone, Debug)]
pub(super) struct Address {
    host: Arc<str>,
    port: u16,
    connector: Connector,
}

impl Address {
    pub(super) fn new(host: &str, port: u16, connector: Connector) -> Self {
        Self {
            host: host.into(),
            port,
            connector,
        }
    }

    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let connecting = async {
            let stream = TcpStream::connect((&*self.host, self.port)).await?;
            stream.set_nodelay(true)?;
            self.connector.secure(stream).await
        };
        timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| {
            let text = format!("no connection within {CONNECT_TIMEOUT:?}");
            io::Error::new(io::ErrorKind::TimedOut, text)
        })?
    }
}
