//! One entity's stream within this process: a sink and a stream around the state machine, nothing in between.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use cloudstate_protocol::cloudstate::eventsourced::{EventSourcedStreamIn, EventSourcedStreamOut};
use futures_util::{Sink, Stream};

use crate::event_sourced::{EntityStream, Step};

/// Replies that wait to be read before the connection takes no more messages.
const CAPACITY: usize = 64;

/// The stream of one live event-sourced entity, opened by
/// [`UserFunction::event_sourced`](crate::UserFunction::event_sourced).
///
/// Sending a message runs the entity's code at once; the reply, if there is one, can be read right after. Closing the
/// sink half-closes the stream, which then ends behind the replies that are left. As over the network, what is sent
/// after the end is dropped.
#[derive(Debug)]
pub struct EntityConnection {
    /// None once the stream has ended and only replies are left.
    machine: Option<EntityStream>,
    replies: VecDeque<EventSourcedStreamOut>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl EntityConnection {
    pub(crate) fn new(machine: EntityStream) -> Self {
        Self {
            machine: Some(machine),
            replies: VecDeque::new(),
            reader: None,
            writer: None,
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Sink<EventSourcedStreamIn> for EntityConnection {
    type Error = Infallible;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.replies.len() < CAPACITY {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn start_send(
        mut self: Pin<&mut Self>,
        message: EventSourcedStreamIn,
    ) -> Result<(), Self::Error> {
        let Some(machine) = &mut self.machine else {
            return Ok(());
        };
        let (reply, ended) = match machine.receive(message) {
            Step::Continue(reply) => (reply, false),
            Step::End(reply) => (reply, true),
        };
        if ended {
            self.machine = None;
        }
        if reply.is_some() || ended {
            self.replies.extend(reply);
            self.wake_reader();
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        if let Some(mut machine) = self.machine.take() {
            self.replies.extend(machine.half_close());
            self.wake_reader();
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for EntityConnection {
    type Item = EventSourcedStreamOut;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(reply) = self.replies.pop_front() {
            if let Some(writer) = self.writer.take() {
                writer.wake();
            }
            return Poll::Ready(Some(reply));
        }
        if self.machine.is_none() {
            return Poll::Ready(None);
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(feature = "embedded")]
mod embedded {
    use cloudstate_protocol::cloudstate::{EntitySpec, ProxyInfo};
    use cloudstate_proxy::user_function::{EventSourcedConnection, UserFunctionError};
    use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};

    use crate::UserFunction;

    impl cloudstate_proxy::user_function::UserFunction for UserFunction {
        fn discover(
            &self,
            proxy: ProxyInfo,
        ) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
            async move { Ok(UserFunction::discover(self, &proxy)) }.boxed()
        }

        fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
            async move { UserFunction::report_error(self, &message) }.boxed()
        }

        fn event_sourced(
            &self,
        ) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
            let connection = UserFunction::event_sourced(self)
                .map(Ok)
                .sink_map_err(|never| match never {});
            let connection: EventSourcedConnection = Box::pin(connection);
            async move { Ok(connection) }.boxed()
        }

        fn wants_metadata(&self) -> bool {
            true
        }
    }
}
