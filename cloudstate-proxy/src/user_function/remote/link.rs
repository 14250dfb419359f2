//! Dials the user function, and watches what becomes of each connection.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use cloudstate_transport::Stream;
use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tower::Service;

use super::address::Address;
use crate::user_function::Link;

/// Makes connections to one address, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Dialler {
    address: Address,
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
    /// Dials this address; what becomes of the connections is seen by the receiver.
    pub(super) fn new(address: Address) -> (Self, watch::Receiver<Link>) {
        let (link, receiver) = watch::channel(Link::default());
        let dialler = Self {
            address,
            link: Arc::new(link),
        };
        (dialler, receiver)
    }

    async fn dial(self) -> io::Result<Watched> {
        let stream = self.address.connect().await?;
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
