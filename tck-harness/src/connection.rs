//! One call of a service, with the harness in the proxy's place, or of a proxy, with the harness as its client.
//!
//! On the wire a call of one message either way is a stream that both sides end behind it, so that there is one kind of
//! connection for the four shapes of a call.

use std::{borrow::Cow, marker::PhantomData, rc::Rc, time::Duration};

use bytes::Bytes;
use cloudstate::{Rpc, Service as _};
use http::uri::PathAndQuery;
use prost::{Message, Name};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};

use crate::{
    conversation::{Conversation, Direction, Speaker},
    failure::{Failure, Verdict},
    raw_codec::RawCodec,
    reader::{Event, Party, Reader, Received},
    text::{Descriptors, Outline},
};

/// Messages in flight either way. No case comes near it; a peer that floods the harness is slowed down.
pub(crate) const IN_FLIGHT: usize = 64;

/// Where connections are opened, and how to treat who is there.
#[derive(Clone, Debug)]
pub struct Link {
    pub(crate) channel: Channel,
    pub(crate) peer: Party,
    pub(crate) descriptors: Rc<Descriptors>,
    pub(crate) conversation: Conversation,
    pub(crate) patience: Duration,
    /// Sent along with each call.
    pub(crate) deadline: Option<Duration>,
}

/// An open stream: `In` goes to the peer, `Out` comes from it. Dropped, it is cancelled.
#[derive(Debug)]
pub struct Connection<In, Out> {
    /// Gone once the input has ended.
    outgoing: Option<mpsc::Sender<Bytes>>,
    incoming: Reader<Out>,
    call: Call,
    speaker: Speaker,
    descriptors: Rc<Descriptors>,
    types: PhantomData<fn(In)>,
}

/// The task that makes the call.
#[derive(Debug)]
struct Call(JoinHandle<()>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Gives the peer this time for each call that is opened, which it is told.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// Opens a stream on the rpc with this path, such as `/cloudstate.crdt.Crdt/handle`.
    ///
    /// It returns before the peer has said anything: many servers answer only behind their first message.
    pub fn open<In, Out>(&self, path: impl Into<Cow<'static, str>>) -> Connection<In, Out> {
        let (outgoing, input) = mpsc::channel(IN_FLIGHT);
        let (output, events) = mpsc::channel(IN_FLIGHT);
        let mut request = Request::new(ReceiverStream::new(input));
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        let call = converse(self.channel.clone(), path.into(), request, output);
        let speaker = self.conversation.join();
        Connection {
            outgoing: Some(outgoing),
            incoming: Reader {
                events,
                from: self.peer,
                direction: Direction::Back,
                patience: self.patience,
                speaker: speaker.clone(),
                descriptors: Rc::clone(&self.descriptors),
                types: PhantomData,
            },
            call: Call(tokio::spawn(call)),
            speaker,
            descriptors: Rc::clone(&self.descriptors),
            types: PhantomData,
        }
    }

    /// Calls an rpc of a service.
    pub fn call<R: Rpc>(&self, _: R) -> Connection<R::Request, R::Response> {
        let path = format!("/{}/{}", R::Service::NAME, R::NAME);
        let connection = self.open(path.clone());
        connection.speaker.event(Direction::There, &path);
        connection
    }
}

/// Makes the call, and hands everything that comes of it to `output`; the last is how it ended.
async fn converse(
    channel: Channel,
    path: Cow<'static, str>,
    request: Request<ReceiverStream<Bytes>>,
    output: mpsc::Sender<Event>,
) {
    let last = async {
        let mut client = Grpc::new(channel);
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::try_from(&*path)
            .map_err(|error| Status::internal(format!("{path:?} is no path: {error}")))?;
        let replies = client.streaming(request, path, RawCodec).await?;
        let mut replies = replies.into_inner();
        while let Some(message) = replies.message().await? {
            if output.send(Event::Message(message)).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let last = match last.await {
        Ok(()) => Event::Completed,
        Err(status) => Event::Failed(status),
    };
    // Nobody waits for it once the case has ended.
    let _ = output.send(last).await;
}

impl<In, Out> Connection<In, Out>
where
    In: Message + Name,
    Out: Message + Name + Default + PartialEq,
{
    /// Sends a message.
    ///
    /// # Errors
    /// The peer takes nothing more. That it has ended the stream is not noticed here, but where its answer is
    /// expected.
    pub async fn send(&self, message: &In) -> Verdict {
        let Some(outgoing) = &self.outgoing else {
            return Err(Failure::new(
                "the case itself is wrong: it sends something behind the end of its input",
            ));
        };
        self.speaker.sent(self.descriptors.show(message));
        let sent = outgoing.send(message.encode_to_vec().into());
        let patience = self.incoming.patience;
        match timeout(patience, sent).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.speaker.failure(format!(
                "{} took nothing more for {patience:?}",
                self.incoming.from
            ))),
        }
    }

    /// Ends the input. The peer may answer behind it, and must then complete the stream.
    pub fn end_input(&mut self) {
        if self.outgoing.take().is_some() {
            self.speaker.event(Direction::There, "end of input");
        }
    }

    /// Waits until the peer has said that it takes nothing more.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn expect_cancelled_input(&self) -> Verdict {
        let Some(outgoing) = &self.outgoing else {
            return Ok(());
        };
        let patience = self.incoming.patience;
        match timeout(patience, outgoing.closed()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.speaker.failure(format!(
                "{} was to cancel the input, and did not within {patience:?}",
                self.incoming.from
            ))),
        }
    }

    /// What the peer sends.
    pub fn incoming(&mut self) -> &mut Reader<Out> {
        &mut self.incoming
    }

    /// Waits for the next message; see [`Reader::receive`].
    ///
    /// # Errors
    /// As there.
    pub async fn receive(&mut self, expected: &Outline) -> Verdict<Received<Out>> {
        self.incoming.receive(expected).await
    }

    /// Waits for exactly this message; see [`Reader::expect`].
    ///
    /// # Errors
    /// As there.
    pub async fn expect(&mut self, expected: &Out) -> Verdict {
        self.incoming.expect(expected).await
    }

    /// Waits for a message like this; see [`Reader::expect_normalised`].
    ///
    /// # Errors
    /// As there.
    pub async fn expect_normalised(&mut self, expected: &Out, normalise: fn(&mut Out)) -> Verdict
    where
        Out: Clone,
    {
        self.incoming.expect_normalised(expected, normalise).await
    }

    /// Says how a message that was received differs from what was expected; see [`Reader::difference`].
    pub fn difference(&self, expected: &Outline, received: &Received<Out>) -> Failure {
        self.incoming.difference(expected, received)
    }

    /// Ends the input if it is still open, after which the peer must complete the stream with OK and without a further
    /// message.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn complete(mut self) -> Verdict {
        self.end_input();
        self.incoming
            .expect_end("behind the end of its input")
            .await?;
        self.speaker.completed();
        Ok(())
    }

    /// Waits for the peer to complete the stream with OK and without a further message, although the input is open.
    /// `when` says why it is to.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn is_completed(mut self, when: &str) -> Verdict {
        self.incoming.expect_end(when).await?;
        self.speaker.completed();
        Ok(())
    }

    /// The call has failed with a status that was read as such.
    pub fn has_failed(self) {
        self.speaker.completed();
    }

    /// Waits for the call to fail with this code.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn fail_with(mut self, code: Code) -> Verdict {
        self.incoming.expect_code(code).await?;
        self.speaker.completed();
        Ok(())
    }

    /// Waits for the call to fail with this description.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn fail(mut self, description: &str) -> Verdict {
        self.incoming.expect_failure(description).await?;
        self.speaker.completed();
        Ok(())
    }

    /// Cancels the call.
    pub fn cancel(self) {
        self.speaker.event(Direction::There, "cancelled");
        self.speaker.completed();
        let (mut call, outgoing) = (self.call, self.outgoing);
        tokio::spawn(async move {
            call.0.abort();
            let _ = (&mut call.0).await;
            // Before that, the peer might see the end of the input instead.
            drop(outgoing);
        });
    }
}
