//! Dials the user function, and watches what becomes of each connection.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use cloudstate_transport::{Connector, Stream};
use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tower::Service;

use crate::user_function::Link;

/// How long a connection may take to be made, with the handshake of TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes connections to one address, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Dialler {
    host: Arc<str>,
    port: u16,
    connector: Connector,
    link: Arc<watch::Sender<Link>>,
}

/// A connection that is told of when it ends.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TokioIo<Stream>,
    /// Which connection this is, the first being 1.
    number: u64,
    link: Arc<watch::Sender<Link>>,
}

impl Dialler {
    /// Dials this address, which is looked up anew for each connection; what becomes of them is seen by the receiver.
    pub(super) fn new(
        host: &str,
        port: u16,
        connector: Connector,
    ) -> (Self, watch::Receiver<Link>) {
        let (link, receiver) = watch::channel(Link::default());
        let dialler = Self {
            host: host.into(),
            port,
            connector,
            link: Arc::new(link),
        };
        (dialler, receiver)
    }

    async fn dial(self) -> io::Result<Watched> {
        let connecting = async {
            let stream = TcpStream::connect((&*self.host, self.port)).await?;
            stream.set_nodelay(true)?;
            self.connector.secure(stream).await
        };
        let stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| {
            let text = format!("no connection within {CONNECT_TIMEOUT:?}");
            io::Error::new(io::ErrorKind::TimedOut, text)
        })??;
        let mut number = 0;
        self.link.send_modify(|link| {
            number = link.made + 1;
            *link = Link {
                made: number,
                up: true,
            };
        });
        Ok(Watched {
            stream: TokioIo::new(stream),
            number,
            link: self.link,
        })
    }
}

impl Service<Uri> for Dialler {
    type Response = Watched;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Watched>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.clone().dial().boxed()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.link.send_if_modified(|link| {
            let is_last = link.made == self.number;
            if is_last {
                link.up = false;
            }
            is_last
        });
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}
