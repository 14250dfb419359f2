//! A connection, whether encrypted or not.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::tls;

/// A connection that bytes can be written to and read from.
#[derive(Debug)]
pub struct Stream(Inner);

#[derive(Debug)]
enum Inner {
    Plain(TcpStream),
    Tls(Box<tls::Stream>),
    /// One that this side has dialled.
    DialledTls(Box<tls::Stream>),
}

impl Stream {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self(Inner::Plain(stream))
    }

    pub(crate) fn accepted(stream: tls::Stream) -> Self {
        Self(Inner::Tls(Box::new(stream)))
    }

    pub(crate) fn dialled(stream: tls::Stream) -> Self {
        Self(Inner::DialledTls(Box::new(stream)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Inner::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
            Inner::DialledTls(stream) => {
                let read = Pin::new(&mut **stream).poll_read(cx, buffer);
                if let Poll::Ready(Err(error)) = &read
                    && error.kind() == io::ErrorKind::InvalidData
                {
                    // In TLS 1.3 a server refuses its client after the handshake is over for the client. Those who use
                    // the connection learn that it is closed, and not why.
                    tracing::warn!(%error, "a server has ended its connection");
                }
                read
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Inner::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Inner::Tls(stream) | Inner::DialledTls(stream) => {
                Pin::new(&mut **stream).poll_write(cx, bytes)
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Inner::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Inner::Tls(stream) | Inner::DialledTls(stream) => {
                Pin::new(&mut **stream).poll_write_vectored(cx, slices)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::Plain(stream) => stream.is_write_vectored(),
            Inner::Tls(stream) | Inner::DialledTls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Tls(stream) | Inner::DialledTls(stream) => {
                Pin::new(&mut **stream).poll_flush(cx)
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Inner::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Inner::Tls(stream) | Inner::DialledTls(stream) => {
                Pin::new(&mut **stream).poll_shutdown(cx)
            }
        }
    }
}
