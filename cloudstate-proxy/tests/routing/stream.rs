//! The user function's end of an entity's stream: a script.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use cloudstate_proxy::user_function::{Connection, UserFunctionError, one_at_a_time};
use futures_util::{Sink, Stream};

/// What a stream does next.
pub(crate) enum Say<O> {
    /// Sends a message.
    Message(O),
    /// Completes the stream.
    End,
    /// Says nothing.
    Nothing,
}

/// A stream that does with each message of the proxy what the script says; `None` is its end.
pub(crate) fn connection<I: 'static, O: Send + Unpin + 'static>(
    script: impl FnMut(Option<I>) -> Say<O> + Send + Unpin + 'static,
) -> Connection<I, O> {
    one_at_a_time(Scripted {
        script,
        outgoing: VecDeque::new(),
        ended: false,
        reader: None,
    })
}

struct Scripted<F, O> {
    script: F,
    outgoing: VecDeque<O>,
    ended: bool,
    reader: Option<Waker>,
}

impl<F, O> Scripted<F, O> {
    fn say(&mut self, say: Say<O>) {
        match say {
            Say::Message(out) => self.outgoing.push_back(out),
            Say::End => self.ended = true,
            Say::Nothing => {}
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<I, O: Unpin, F: FnMut(Option<I>) -> Say<O> + Unpin> Sink<I> for Scripted<F, O> {
    type Error = UserFunctionError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: I) -> Result<(), Self::Error> {
        let say = (self.script)(Some(message));
        self.say(say);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let say @ (Say::Message(_) | Say::Nothing) = (self.script)(None) {
            self.say(say);
        }
        self.say(Say::End);
        Poll::Ready(Ok(()))
    }
}

impl<F: Unpin, O: Unpin> Stream for Scripted<F, O> {
    type Item = Result<O, UserFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(out) = self.outgoing.pop_front() {
            return Poll::Ready(Some(Ok(out)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}
