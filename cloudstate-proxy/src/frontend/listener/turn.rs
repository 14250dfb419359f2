//! A connection's turns, and how much of what its client sends it takes up in one.
//!
//! When requests have to be refused, connections have more to read than there is time for. If each read all of it, those
//! that were let in would wait for all refusals before every step that they make, and would be slower the more there is
//! to refuse. So a connection on which requests are refused reads a little, refuses what came with it, and lets everybody
//! else have a turn.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that a connection reads in a turn when requests are refused: some fifty calls with a short message.
const PORTION: usize = 4096;

/// What the parts of one connection know of its turn; all of them are in its task.
#[derive(Debug)]
pub(super) struct Turn {
    /// Requests were refused in this turn.
    refused: AtomicBool,
    /// Bytes that may still be read.
    left: AtomicUsize,
    /// There may be more to read.
    cut_short: AtomicBool,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self {
            refused: AtomicBool::new(false),
            left: AtomicUsize::new(usize::MAX),
            cut_short: AtomicBool::new(false),
        }
    }

    /// A request has been refused.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Relaxed);
    }

    fn begin(&self) {
        let crowded = self.refused.swap(false, Relaxed);
        let left = if crowded { PORTION } else { usize::MAX };
        self.left.store(left, Relaxed);
    }

    /// Whether there may be more to read.
    fn end(&self) -> bool {
        self.cut_short.swap(false, Relaxed)
    }
}

/// Runs a connection in turns.
#[derive(Debug)]
pub(super) struct InTurns<C> {
    connection: Pin<Box<C>>,
    turn: Arc<Turn>,
}

impl<C> InTurns<C> {
    pub(super) fn new(connection: C, turn: Arc<Turn>) -> Self {
        Self {
            connection: Box::pin(connection),
            turn,
        }
    }
}

impl<C: Future> Future for InTurns<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        self.turn.begin();
        let polled = self.connection.as_mut().poll(cx);
        if self.turn.end() {
            // Behind everybody who can go on.
            cx.waker().wake_by_ref();
        }
        polled
    }
}

/// A connection's stream, of which no more is read than its turn has.
#[derive(Debug)]
pub(super) struct Portioned<S> {
    stream: S,
    turn: Arc<Turn>,
}

impl<S> Portioned<S> {
    pub(super) fn new(stream: S, turn: Arc<Turn>) -> Self {
        Self { stream, turn }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Portioned<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.turn.left.load(Relaxed);
        if left == usize::MAX {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        if left == 0 {
            self.turn.cut_short.store(true, Relaxed);
            return Poll::Pending;
        }
        let size = left.min(buffer.remaining());
        let mut portion = ReadBuf::new(buffer.initialize_unfilled_to(size));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut portion))?;
        let read = portion.filled().len();
        buffer.advance(read);
        self.turn.left.store(left - read, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Portioned<S> {
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
