//! What a client sends: its messages, checked, and how long it waits.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use cloudstate_protocol::Any;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http::HeaderMap;
use tokio::sync::oneshot;
use tonic::{Code, Status, Streaming};

use crate::{
    catalog::Method,
    metrics::{Limit, Metrics},
};

/// The message of a request that has one; more or less than one is the client's mistake.
pub(super) async fn only_message(
    messages: &mut Streaming<Bytes>,
    method: &Method,
    limit: usize,
    within: Duration,
    metrics: &Metrics,
) -> Result<Bytes, Status> {
    let message = tokio::time::timeout(within, whole_message(messages, method, limit, metrics));
    message.await.unwrap_or_else(|_| Err(late(within, metrics)))
}

/// The message of a request did not arrive in time.
pub(super) fn late(within: Duration, metrics: &Metrics) -> Status {
    metrics.rejected(Limit::RequestTimeout);
    Status::deadline_exceeded(format!(
        "the request's message did not arrive within {within:?} (CLOUDSTATE_REQUEST_TIMEOUT)"
    ))
}

async fn whole_message(
    messages: &mut Streaming<Bytes>,
    method: &Method,
    limit: usize,
    metrics: &Metrics,
) -> Result<Bytes, Status> {
    let explain = |status| explain(status, limit, metrics);
    let Some(message) = messages.message().await.map_err(explain)? else {
        return Err(Status::invalid_argument("the request has no message"));
    };
    match messages.message().await.map_err(explain)? {
        None => checked(message, method),
        Some(_) => Err(Status::invalid_argument(
            "the method takes one message, and the request has more",
        )),
    }
}

/// The messages of a request that is a stream, and what is wrong with the first bad one.
///
/// Behind a bad one nothing comes, not even the end: whoever reads them would take it for the end of the request.
pub(super) fn all_messages(
    messages: Streaming<Bytes>,
    method: Arc<Method>,
    limit: usize,
    metrics: Metrics,
) -> (BoxStream<'static, Any>, oneshot::Receiver<Status>) {
    let (refuse, refused) = oneshot::channel();
    let messages = Messages {
        messages,
        method,
        limit,
        metrics,
        state: State::Reading(refuse),
    };
    (messages.boxed(), refused)
}

/// The messages of a client that streams.
struct Messages {
    messages: Streaming<Bytes>,
    method: Arc<Method>,
    limit: usize,
    metrics: Metrics,
    state: State,
}

enum State {
    /// A bad message will be told here.
    Reading(oneshot::Sender<Status>),
    Refused,
    Ended,
}

impl Stream for Messages {
    type Item = Any;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Any>> {
        let this = &mut *self;
        match this.state {
            State::Reading(_) => {}
            State::Refused => return Poll::Pending,
            State::Ended => return Poll::Ready(None),
        }
        let message = match ready!(this.messages.poll_next_unpin(cx)) {
            Some(Ok(message)) => checked(message, &this.method),
            Some(Err(status)) => Err(explain(status, this.limit, &this.metrics)),
            None => {
                this.state = State::Ended;
                return Poll::Ready(None);
            }
        };
        match message {
            Ok(value) => Poll::Ready(Some(Any {
                type_url: this.method.request_type_url.clone(),
                value,
            })),
            Err(status) => {
                if let State::Reading(refuse) = mem::replace(&mut this.state, State::Refused) {
                    // Nobody hears it if the call has ended already.
                    let _ = refuse.send(status);
                }
                Poll::Pending
            }
        }
    }
}

pub(super) fn checked(message: Bytes, method: &Method) -> Result<Bytes, Status> {
    match method.request.validate(&message) {
        Ok(()) => Ok(message),
        Err(error) => Err(Status::invalid_argument(error.to_string())),
    }
}

fn explain(status: Status, limit: usize, metrics: &Metrics) -> Status {
    match status.code() {
        // tonic's codes for a message over the limit, as it is and decompressed; gRPC's own libraries know only the latter.
        Code::OutOfRange | Code::ResourceExhausted => {
            metrics.rejected(Limit::MessageSize);
            Status::resource_exhausted(format!(
                "the message is larger than the {limit} bytes that CLOUDSTATE_MAX_MESSAGE_SIZE allows"
            ))
        }
        _ => status,
    }
}

/// Reads `grpc-timeout`: up to eight digits and a unit.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let parse = || {
        let text = value.to_str().ok()?;
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        // A number may have a sign, which a timeout has not.
        let is_number = digits.len() <= 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let number: u64 = is_number.then(|| digits.parse().ok()).flatten()?;
        Some(match unit {
            "H" => Duration::from_secs(number * 3600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    };
    match parse() {
        Some(deadline) => Ok(Some(deadline)),
        None => Err(Status::invalid_argument(
            "grpc-timeout must be up to eight digits and one of H M S m u n",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    #[test]
    fn deadlines_are_read_in_every_unit() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(text));
            super::timeout(&headers)
        };
        assert_eq!(read("2H").unwrap(), Some(Duration::from_secs(7200)));
        assert_eq!(read("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(
            read("99999999n").unwrap(),
            Some(Duration::from_nanos(99_999_999))
        );
        for bad in ["", "5", "s", "-1S", "+5S", "123456789S", "1.5S"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(super::timeout(&HeaderMap::new()).unwrap(), None);
    }
}
