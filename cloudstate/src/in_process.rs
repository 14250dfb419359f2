//! One entity's stream within this process: a sink and a stream around the state machine, nothing in between.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_util::{Sink, Stream};

use crate::machine::{Flow, Machine};

/// Replies that wait to be read before the connection takes no more messages.
const CAPACITY: usize = 64;
/// Room for replies that a queue begins with. Most commands have one; the four places that a queue takes by itself are a
/// kilobyte. An idle connection has no room at all: most entities are idle.
const ROOM: usize = 1;

/// The stream of one live entity, opened by [`UserFunction::event_sourced`](crate::UserFunction::event_sourced) or its
/// counterpart for another kind.
///
/// Sending a message runs the entity's code at once; the replies, if there are any, can be read right after. Closing the
/// sink half-closes the stream, which then ends behind the replies that are left. As over the network, what is sent
/// after the end is dropped.
#[derive(Debug)]
pub struct EntityConnection<In, Out> {
    /// None once the stream has ended and only replies are left.
    machine: Option<Box<dyn Machine<In = In, Out = Out>>>,
    replies: VecDeque<Out>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl<In, Out> EntityConnection<In, Out> {
    pub(crate) fn new(machine: impl Machine<In = In, Out = Out> + 'static) -> Self {
        Self {
            machine: Some(Box::new(machine)),
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

/// Nothing in it is pinned: the machine has a box of its own.
impl<In, Out> Unpin for EntityConnection<In, Out> {}

impl<In, Out> Sink<In> for EntityConnection<In, Out> {
    type Error = Infallible;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.replies.len() < CAPACITY {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn start_send(mut self: Pin<&mut Self>, message: In) -> Result<(), Self::Error> {
        let this = &mut *self;
        let Some(machine) = &mut this.machine else {
            return Ok(());
        };
        if this.replies.capacity() == 0 {
            this.replies.reserve_exact(ROOM);
        }
        let ended = machine.receive(message, &mut this.replies) == Flow::End;
        if ended {
            this.machine = None;
        }
        if ended || !this.replies.is_empty() {
            this.wake_reader();
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
            machine.half_close(&mut self.replies);
            self.wake_reader();
        }
        Poll::Ready(Ok(()))
    }
}

impl<In, Out> Stream for EntityConnection<In, Out> {
    type Item = Out;

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
        self.replies.shrink_to(0);
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(feature = "embedded")]
mod embedded {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use cloudstate_protocol::cloudstate::{EntitySpec, ProxyInfo, action::ActionCommand};
    use cloudstate_proxy::user_function::{
        ActionCall, ActionCommands, ActionResponses, Connection, CrdtConnection,
        EventSourcedConnection, UserFunctionError, ValueEntityConnection, one_at_a_time,
    };
    use futures_util::{
        FutureExt, Sink, SinkExt, Stream, StreamExt, TryFutureExt, TryStreamExt,
        future::{BoxFuture, ready},
    };

    use super::EntityConnection;
    use crate::{UserFunction, action::CallError};

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
            ready(Ok(opened(UserFunction::event_sourced(self)))).boxed()
        }

        fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
            ready(Ok(opened(UserFunction::value_entity(self)))).boxed()
        }

        fn crdt(&self) -> BoxFuture<'_, Result<CrdtConnection, UserFunctionError>> {
            ready(Ok(opened(UserFunction::crdt(self)))).boxed()
        }

        fn action(&self, command: ActionCommand) -> ActionCall {
            let call = UserFunction::action(self, command);
            call.map_err(UserFunctionError::from).boxed()
        }

        fn action_streamed_in(&self, commands: ActionCommands) -> ActionCall {
            let call = UserFunction::action_streamed_in(self, commands);
            call.map_err(UserFunctionError::from).boxed()
        }

        fn action_streamed_out(&self, command: ActionCommand) -> ActionResponses {
            let responses = UserFunction::action_streamed_out(self, command);
            responses.map_err(UserFunctionError::from).boxed()
        }

        fn action_streamed(&self, commands: ActionCommands) -> ActionResponses {
            let responses = UserFunction::action_streamed(self, commands);
            responses.map_err(UserFunctionError::from).boxed()
        }

        fn wants_metadata(&self) -> bool {
            true
        }

        fn speaks_unasked(&self) -> bool {
            false
        }
    }

    /// A stream in the form that the proxy has for all: nothing here fails.
    fn opened<In: 'static, Out: Send + 'static>(
        connection: EntityConnection<In, Out>,
    ) -> Connection<In, Out> {
        let connection = Owned(connection).map(Ok);
        one_at_a_time(connection.sink_map_err(|never| match never {}))
    }

    /// A connection whose only owner looks for replies whenever it has sent something, as the proxy's entities do: nobody
    /// else can cause one. To be woken by its own messages would cost each command a further turn of the entity's task,
    /// and another thread that wakes up to find nothing to do.
    #[derive(Debug)]
    struct Owned<In, Out>(EntityConnection<In, Out>);

    impl<In, Out> Stream for Owned<In, Out> {
        type Item = Out;

        fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Out>> {
            let mut nobody = Context::from_waker(Waker::noop());
            self.0.poll_next_unpin(&mut nobody)
        }
    }

    impl<In, Out> Sink<In> for Owned<In, Out> {
        type Error = Infallible;

        fn poll_ready(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Result<(), Infallible>> {
            self.0.poll_ready_unpin(cx)
        }

        fn start_send(mut self: Pin<&mut Self>, message: In) -> Result<(), Infallible> {
            self.0.start_send_unpin(message)
        }

        fn poll_flush(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Result<(), Infallible>> {
            self.0.poll_flush_unpin(cx)
        }

        fn poll_close(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Result<(), Infallible>> {
            self.0.poll_close_unpin(cx)
        }
    }

    impl From<CallError> for UserFunctionError {
        fn from(error: CallError) -> Self {
            Self::new(error.to_string())
        }
    }
}
