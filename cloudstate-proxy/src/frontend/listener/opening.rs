//! A connection whose client has to say in time which version of HTTP it speaks.
//!
//! Each version has its own timeouts behind that point, and none before it.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What a connection begins with that speaks HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Fails reading when its client has not said enough within a time.
#[derive(Debug)]
pub(super) struct Opening<S> {
    stream: S,
    /// How much of the preface has come.
    begun: usize,
    /// Gone when the version is known.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Whether this ended a connection whose client has not said enough.
pub(super) fn is_too_late(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

impl<S> Opening<S> {
    pub(super) fn new(stream: S, within: Duration) -> Self {
        Self {
            stream,
            begun: 0,
            deadline: Some(Box::pin(sleep(within))),
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        self.begun += bytes.len();
        let expected = &PREFACE[..self.begun.min(PREFACE.len())];
        if self.begun >= PREFACE.len() || !expected.ends_with(bytes) {
            self.deadline = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                if self.deadline.is_some() {
                    self.heard(&buffer.filled()[before..]);
                }
                Poll::Ready(read)
            }
            Poll::Pending => match &mut self.deadline {
                None => Poll::Pending,
                Some(deadline) => {
                    ready!(deadline.as_mut().poll(cx));
                    let text = "the client has not begun to speak HTTP";
                    Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
                }
            },
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{Opening, PREFACE};

    const WITHIN: Duration = Duration::from_millis(100);

    /// What comes of a connection over which these pieces arrive, and nothing more.
    async fn read(pieces: &[&[u8]]) -> Option<Vec<u8>> {
        let (mut client, server) = duplex(1024);
        let mut opening = Opening::new(server, WITHIN);
        let mut read = Vec::new();
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            let mut buffer = vec![0; piece.len()];
            opening.read_exact(&mut buffer).await.unwrap();
            read.extend(buffer);
        }
        // Either it fails, or it waits for ever. However late the timers are, the first one is the first.
        let more = tokio::time::timeout(WITHIN * 2, opening.read_u8()).await;
        more.is_err().then_some(read)
    }

    #[tokio::test]
    async fn a_client_has_to_say_which_version_it_speaks() {
        let (half, rest) = PREFACE.split_at(10);
        assert_eq!(read(&[]).await, None);
        assert_eq!(read(&[half]).await, None);
        assert_eq!(read(&[b"P", b"R", b"I "]).await, None);
        assert_eq!(read(&[half, rest]).await.unwrap(), PREFACE);
        assert_eq!(read(&[PREFACE, b"\0\0"]).await.unwrap().len(), 26);
        // What follows is for the version's own timeouts.
        assert_eq!(read(&[b"G"]).await.unwrap(), b"G");
        assert_eq!(read(&[b"P", b"OST /"]).await.unwrap(), b"POST /");
    }
}
