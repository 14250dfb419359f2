//! The connections of proxies.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use cloudstate_transport::{Acceptor, Stream};
use futures_util::{StreamExt, future, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
};
use tonic::transport::server::{Connected, TcpIncoming};

/// Handshakes of TLS that may be in progress. Further connections wait until one has ended, which a deadline sees to.
const HANDSHAKES: usize = 1000;

/// Accepts proxies. A handshake that fails harms nobody; one that takes its time holds up nobody.
pub(super) fn incoming(
    listener: TcpListener,
    acceptor: Acceptor,
) -> impl stream::Stream<Item = io::Result<Connection>> {
    TcpIncoming::from(listener)
        .map(move |accepted| {
            let acceptor = acceptor.clone();
            async move {
                let stream = accepted?;
                match acceptor.accept(stream).await {
                    Ok(stream) => Ok(Some(Connection(stream))),
                    Err(error) => {
                        tracing::warn!(%error, "a proxy could not be talked to over TLS");
                        Ok(None)
                    }
                }
            }
        })
        .buffer_unordered(HANDSHAKES)
        .filter_map(|accepted: io::Result<_>| future::ready(accepted.transpose()))
}

/// A connection as tonic wants it.
#[derive(Debug)]
pub(super) struct Connection(Stream);

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
