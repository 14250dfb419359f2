//! The stream to the user function, on which both sides may speak at any time.

use std::{collections::VecDeque, future::poll_fn, task::Poll};

use cloudstate_protocol::cloudstate::crdt::{
    CrdtStreamIn, CrdtStreamOut, crdt_stream_in::Message as In,
};

use crate::user_function::{CrdtConnection, UserFunctionError};

/// A connection that is read while something waits to be sent: two sides that both wait for the other to read would wait
/// for ever.
pub(super) struct Exchange {
    connection: CrdtConnection,
    outgoing: VecDeque<In>,
    sink: Sink,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sink {
    Open,
    Closing,
    Closed,
}

impl Exchange {
    pub(super) fn new(connection: CrdtConnection) -> Self {
        Self {
            connection,
            outgoing: VecDeque::new(),
            sink: Sink::Open,
        }
    }

    /// Queues a message; [`next`](Self::next) sends it.
    pub(super) fn send(&mut self, message: In) {
        if self.sink == Sink::Open {
            self.outgoing.push_back(message);
        }
    }

    /// How many messages wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    /// Keeps no room for messages that are not there.
    pub(super) fn shrink(&mut self) {
        self.outgoing.shrink_to(0);
    }

    /// Half-closes the stream behind what waits to be sent.
    pub(super) fn close(&mut self) {
        if self.sink == Sink::Open {
            self.sink = Sink::Closing;
        }
    }

    /// Sends what waits, and gives the next message of the user function; `None` when it has completed the stream.
    ///
    /// May be dropped and called again at any point.
    pub(super) async fn next(&mut self) -> Option<Result<CrdtStreamOut, UserFunctionError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next), polled.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<CrdtStreamOut, UserFunctionError>>> {
        // Why the stream has ended is heard when it is read.
        let _ = self.poll_send(cx);
        self.connection.as_mut().poll_next(cx)
    }

    fn poll_send(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Result<(), UserFunctionError>> {
        while !self.outgoing.is_empty() {
            let ready = self.connection.as_mut().poll_ready(cx)?;
            if ready.is_pending() {
                return Poll::Pending;
            }
            if let Some(message) = self.outgoing.pop_front() {
                let message = CrdtStreamIn {
                    message: Some(message),
                };
                self.connection.as_mut().start_send(message)?;
            }
        }
        match self.sink {
            Sink::Open => self.connection.as_mut().poll_flush(cx),
            Sink::Closing => {
                let closed = self.connection.as_mut().poll_close(cx);
                if closed.is_ready() {
                    self.sink = Sink::Closed;
                }
                closed
            }
            Sink::Closed => Poll::Ready(Ok(())),
        }
    }
}
