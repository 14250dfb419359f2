//! One call of a service, with the harness in the proxy's place.
//!
//! On the wire a call of one message either way is a stream that both sides end behind it, so that there is one kind of
//! connection for the four shapes of a call.

use std::{marker::PhantomData, rc::Rc, time::Duration};

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::{Message, Name};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, client::Grpc, transport::Channel};

use crate::{
    conversation::{Conversation, Speaker},
    failure::{Failure, Verdict},
    raw_codec::RawCodec,
    text::{Descriptors, Outline, diff},
};

/// Messages in flight either way. No case comes near it; a service that floods the harness is slowed down.
const IN_FLIGHT: usize = 64;

/// Where connections are opened: the service under test, and how to treat it.
#[derive(Clone, Debug)]
pub struct Link {
    pub(crate) channel: Channel,
    pub(crate) descriptors: Rc<Descriptors>,
    pub(crate) conversation: Conversation,
    pub(crate) patience: Duration,
}

/// An open stream: `In` goes to the service, `Out` comes from it.
#[derive(Debug)]
pub struct Connection<In, Out> {
    /// Gone once the input has ended.
    outgoing: Option<mpsc::Sender<Bytes>>,
    incoming: Incoming,
    speaker: Speaker,
    descriptors: Rc<Descriptors>,
    types: PhantomData<fn(In) -> Out>,
}

/// What the service sends, and the time it has for that.
#[derive(Debug)]
struct Incoming {
    events: mpsc::Receiver<Event>,
    patience: Duration,
    reader: JoinHandle<()>,
}

/// A message of the service, as the types of the protocol have it, and with all that is in it.
#[derive(Clone, Debug)]
pub struct Received<Out> {
    /// The message; it lacks what the protocol does not define.
    pub message: Out,
    outline: Outline,
    has_unknown_fields: bool,
}

enum Event {
    Message(Bytes),
    Completed,
    Failed(Status),
}

impl Incoming {
    /// What comes next, if it comes in time.
    async fn next(&mut self, speaker: &Speaker) -> Option<Event> {
        let event = timeout(self.patience, self.events.recv()).await.ok()?;
        match &event {
            Some(Event::Completed) => speaker.received_event("completed"),
            Some(Event::Failed(status)) => {
                speaker.received_event(&format!("failed with {}", describe(status)));
            }
            Some(Event::Message(_)) | None => {}
        }
        event
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Link {
    /// Opens a stream on the rpc with this path, such as `/cloudstate.crdt.Crdt/handle`.
    ///
    /// It returns before the service has said anything: many servers answer only behind their first message.
    pub fn open<In, Out>(&self, path: &'static str) -> Connection<In, Out> {
        let (outgoing, input) = mpsc::channel(IN_FLIGHT);
        let (output, events) = mpsc::channel(IN_FLIGHT);
        let input = ReceiverStream::new(input);
        let call = converse(self.channel.clone(), path, input, output);
        Connection {
            outgoing: Some(outgoing),
            incoming: Incoming {
                events,
                patience: self.patience,
                reader: tokio::spawn(call),
            },
            speaker: self.conversation.join(),
            descriptors: Rc::clone(&self.descriptors),
            types: PhantomData,
        }
    }
}

/// Makes the call, and hands everything that comes of it to `output`; the last is how it ended.
async fn converse(
    channel: Channel,
    path: &'static str,
    input: ReceiverStream<Bytes>,
    output: mpsc::Sender<Event>,
) {
    let last = async {
        let mut client = Grpc::new(channel);
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(path);
        let replies = client
            .streaming(Request::new(input), path, RawCodec)
            .await?;
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
    /// The service takes nothing more. That it has ended the stream is not noticed here, but where its answer is
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
            Err(_) => Err(self
                .speaker
                .failure(format!("the service took nothing more for {patience:?}"))),
        }
    }

    /// Ends the input. The service may answer behind it, and must then complete the stream.
    pub fn end_input(&mut self) {
        if self.outgoing.take().is_some() {
            self.speaker.sent_event("end of input");
        }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// There is none in time, or it is no `Out`, or the stream ended; `expected` is shown then.
    pub async fn receive(&mut self, expected: &Outline) -> Verdict<Received<Out>> {
        let summary = match self.incoming.next(&self.speaker).await {
            Some(Event::Message(bytes)) => match Out::decode(bytes.clone()) {
                Ok(message) => {
                    let shown = self.descriptors.show_encoded::<Out>(&bytes);
                    self.speaker.received(&shown.outline);
                    return Ok(Received {
                        message,
                        outline: shown.outline,
                        has_unknown_fields: shown.has_unknown_fields,
                    });
                }
                Err(error) => format!(
                    "received what is no {}: {error}; its bytes are {bytes:02x?}",
                    Out::full_name()
                ),
            },
            Some(Event::Completed) => {
                "the service completed the stream, and a message was expected".into()
            }
            Some(Event::Failed(status)) => {
                format!(
                    "the stream failed with {}, and a message was expected",
                    describe(&status)
                )
            }
            None => format!("no message within {:?}", self.incoming.patience),
        };
        Err(self
            .speaker
            .failure(summary)
            .detail("expected", expected.lines()))
    }

    /// Waits for the next message, which must be exactly this one: every field, unknown ones included, and every byte
    /// of a payload.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and if it is another message.
    pub async fn expect(&mut self, expected: &Out) -> Verdict {
        let outline = self.descriptors.show(expected);
        let received = self.receive(&outline).await?;
        if received.message == *expected && !received.has_unknown_fields {
            return Ok(());
        }
        Err(self.difference(&outline, &received))
    }

    /// As [`expect`](Self::expect), with both messages brought into one form first: `normalise` makes equal what need
    /// not be told apart.
    ///
    /// # Errors
    /// As there.
    pub async fn expect_normalised(&mut self, expected: &Out, normalise: fn(&mut Out)) -> Verdict
    where
        Out: Clone,
    {
        let mut expected = expected.clone();
        normalise(&mut expected);
        let outline = self.descriptors.show(&expected);
        let mut received = self.receive(&outline).await?;
        normalise(&mut received.message);
        if received.message == expected && !received.has_unknown_fields {
            return Ok(());
        }
        if !received.has_unknown_fields {
            received.outline = self.descriptors.show(&received.message);
        }
        Err(self.difference(&outline, &received))
    }

    /// Says how a message that was received differs from what was expected.
    pub fn difference(&self, expected: &Outline, received: &Received<Out>) -> Failure {
        let difference = diff(&expected.lines(), &received.outline.lines());
        self.speaker
            .failure("the service's message is not the expected one")
            .detail("expected (-) and received (+)", difference)
    }

    /// Ends the input if it is still open, after which the service must complete the stream with OK and without a
    /// further message.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn complete(mut self) -> Verdict {
        self.end_input();
        let Self {
            mut incoming,
            speaker,
            descriptors,
            ..
        } = self;
        let expected = "the service was to complete the stream behind the end of its input";
        let summary = match incoming.next(&speaker).await {
            Some(Event::Completed) => {
                speaker.completed();
                return Ok(());
            }
            Some(Event::Message(bytes)) => {
                let outline = descriptors.show_encoded::<Out>(&bytes).outline;
                speaker.received(&outline);
                return Err(speaker
                    .failure(format!("{expected}, and sent a message instead"))
                    .detail("received", outline.lines()));
            }
            Some(Event::Failed(status)) => {
                format!("{expected}, and failed it with {}", describe(&status))
            }
            None => format!("{expected}, and did not within {:?}", incoming.patience),
        };
        Err(speaker.failure(summary))
    }
}

fn describe(status: &Status) -> String {
    format!("{:?} {:?}", status.code(), status.message())
}
