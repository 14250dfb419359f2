//! One direction of a call, as the harness reads it.

use std::{fmt, marker::PhantomData, rc::Rc, time::Duration};

use bytes::Bytes;
use prost::{Message, Name};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Code, Status};

use crate::{
    conversation::{Direction, Speaker},
    failure::{Failure, Verdict},
    text::{Descriptors, Outline, diff},
};

/// What happens in one direction of a call.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Message(Bytes),
    Completed,
    Failed(Status),
}

/// Who is at fault when something is wrong with what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The service under test.
    Service,
    /// The proxy under test.
    Proxy,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "the service",
            Self::Proxy => "the proxy",
        })
    }
}

/// The messages of type `T` that someone sends, and the time there is for each.
#[derive(Debug)]
pub struct Reader<T> {
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) from: Party,
    pub(crate) direction: Direction,
    pub(crate) patience: Duration,
    pub(crate) speaker: Speaker,
    pub(crate) descriptors: Rc<Descriptors>,
    pub(crate) types: PhantomData<fn() -> T>,
}

/// A message, as the types of the protocol have it, and with all that is in it.
#[derive(Clone, Debug)]
pub struct Received<T> {
    /// The message; it lacks what the protocol does not define.
    pub message: T,
    outline: Outline,
    has_unknown_fields: bool,
}

impl<T: Message + Name + Default + PartialEq> Reader<T> {
    /// Waits for the next message.
    ///
    /// # Errors
    /// There is none in time, or it is no `T`, or the stream ended; `expected` is shown then.
    pub async fn receive(&mut self, expected: &Outline) -> Verdict<Received<T>> {
        match self.receive_or_status(expected).await? {
            Ok(received) => Ok(received),
            Err(status) => Err(self
                .speaker
                .failure(format!(
                    "the stream failed with {}, and a message was expected",
                    describe(&status)
                ))
                .detail("expected", expected.lines())),
        }
    }

    /// Waits for the next message, or for the status with which the call fails instead.
    ///
    /// # Errors
    /// There is neither in time, or what comes is no `T`, or the stream was completed; `expected` is shown then.
    pub async fn receive_or_status(
        &mut self,
        expected: &Outline,
    ) -> Verdict<Result<Received<T>, Status>> {
        let summary = match self.next().await {
            Some(Event::Message(bytes)) => match T::decode(bytes.clone()) {
                Ok(message) => {
                    let shown = self.descriptors.show_encoded::<T>(&bytes);
                    self.speaker.heard(self.direction, &shown.outline);
                    return Ok(Ok(Received {
                        message,
                        outline: shown.outline,
                        has_unknown_fields: shown.has_unknown_fields,
                    }));
                }
                Err(error) => format!(
                    "received what is no {}: {error}; its bytes are {bytes:02x?}",
                    T::full_name()
                ),
            },
            Some(Event::Completed) => {
                format!(
                    "{} completed the stream, and a message was expected",
                    self.from
                )
            }
            Some(Event::Failed(status)) => return Ok(Err(status)),
            None => format!("no message within {:?}", self.patience),
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
    pub async fn expect(&mut self, expected: &T) -> Verdict {
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
    pub async fn expect_normalised(&mut self, expected: &T, normalise: fn(&mut T)) -> Verdict
    where
        T: Clone,
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
    pub fn difference(&self, expected: &Outline, received: &Received<T>) -> Failure {
        let difference = diff(&expected.lines(), &received.outline.lines());
        self.speaker
            .failure(format!("{}'s message is not the expected one", self.from))
            .detail("expected (-) and received (+)", difference)
    }

    /// Shows a message as [`receive`](Self::receive) and [`difference`](Self::difference) take it.
    pub fn outline(&self, message: &T) -> Outline {
        self.descriptors.show(message)
    }

    /// Waits for the end of the stream, which must be OK and without a further message. `when` says why it is to end.
    ///
    /// # Errors
    /// Something else comes, or nothing in time.
    pub async fn expect_end(&mut self, when: &str) -> Verdict {
        let expected = format!("{} was to complete the stream {when}", self.from);
        let summary = match self.next().await {
            Some(Event::Completed) => return Ok(()),
            Some(Event::Message(bytes)) => {
                return Err(self.unexpected(&format!("{expected}, and"), &bytes));
            }
            Some(Event::Failed(status)) => {
                format!("{expected}, and failed it with {}", describe(&status))
            }
            None => format!("{expected}, and did not within {:?}", self.patience),
        };
        Err(self.speaker.failure(summary))
    }

    /// Waits for the stream to fail with this description; the code does not matter.
    ///
    /// # Errors
    /// Something else comes, or nothing in time.
    pub async fn expect_failure(&mut self, description: &str) -> Verdict {
        let expected = format!("{} was to fail the call with {description:?}", self.from);
        let summary = match self.next().await {
            Some(Event::Failed(status)) if status.message() == description => return Ok(()),
            Some(Event::Failed(status)) => {
                format!("{expected}, and failed it with {}", describe(&status))
            }
            Some(Event::Message(bytes)) => {
                return Err(self.unexpected(&format!("{expected}, and"), &bytes));
            }
            Some(Event::Completed) => format!("{expected}, and completed it"),
            None => format!("{expected}, and did not within {:?}", self.patience),
        };
        Err(self.speaker.failure(summary))
    }

    /// Waits for the stream to fail with this code, behind the messages that were read; the description does not matter.
    ///
    /// # Errors
    /// Something else comes, or nothing in time.
    pub async fn expect_code(&mut self, code: Code) -> Verdict {
        let expected = format!("{} was to fail the call with {code:?}", self.from);
        let summary = match self.next().await {
            Some(Event::Failed(status)) if status.code() == code => return Ok(()),
            Some(Event::Failed(status)) => {
                format!("{expected}, and failed it with {}", describe(&status))
            }
            Some(Event::Message(bytes)) => {
                return Err(self.unexpected(&format!("{expected}, and"), &bytes));
            }
            Some(Event::Completed) => format!("{expected}, and completed it"),
            None => format!("{expected}, and did not within {:?}", self.patience),
        };
        Err(self.speaker.failure(summary))
    }

    /// Waits this long, in which nothing must come.
    ///
    /// # Errors
    /// Something comes.
    pub async fn expect_nothing(&mut self, during: Duration) -> Verdict {
        let expected = format!("{} was to send nothing for {during:?}, and", self.from);
        let Ok(event) = timeout(during, self.events.recv()).await else {
            return Ok(());
        };
        Err(match event {
            Some(Event::Message(bytes)) => self.unexpected(&expected, &bytes),
            Some(Event::Completed) => self.speaker.failure(format!("{expected} completed it")),
            Some(Event::Failed(status)) => self
                .speaker
                .failure(format!("{expected} failed it with {}", describe(&status))),
            None => self.speaker.failure(format!("{expected} dropped the call")),
        })
    }

    /// What comes next, if it comes in time.
    async fn next(&mut self) -> Option<Event> {
        let event = timeout(self.patience, self.events.recv()).await.ok()?;
        let event = event.unwrap_or_else(|| Event::Failed(Status::cancelled("dropped")));
        match &event {
            Event::Completed => self.speaker.event(self.direction, "completed"),
            Event::Failed(status) => {
                let text = format!("failed with {}", describe(status));
                self.speaker.event(self.direction, &text);
            }
            Event::Message(_) => {}
        }
        Some(event)
    }

    fn unexpected(&self, expected: &str, bytes: &Bytes) -> Failure {
        let outline = self.descriptors.show_encoded::<T>(bytes).outline;
        self.speaker.heard(self.direction, &outline);
        self.speaker
            .failure(format!("{expected} sent a message instead"))
            .detail("received", outline.lines())
    }
}

fn describe(status: &Status) -> String {
    format!("{:?} {:?}", status.code(), status.message())
}
