//! A user function that takes no reports and, if it is told to, nothing else either: nobody waits for it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::{
    Command, EntitySpec, ProxyInfo,
    eventsourced::{
        EventSourcedStreamIn, EventSourcedStreamOut, event_sourced_stream_in::Message as In,
        event_sourced_stream_out::Message as Out,
    },
};
use cloudstate_proxy::{
    Metrics,
    call::CallError,
    catalog::Catalog,
    router::Router,
    store::{MemoryStore, Store},
    user_function::{EventSourcedConnection, UserFunction, UserFunctionError, one_at_a_time},
};
use futures_util::{
    FutureExt, Sink, Stream,
    future::{BoxFuture, pending, ready},
};
use tonic::Code;

use crate::{
    bench::{call, settings},
    scripted::{Say, Scripted, reply, stream},
};

#[derive(Debug)]
struct Deaf {
    spec: EntitySpec,
    /// Whether it takes what it is told on streams; then it answers with the wrong ids.
    takes: bool,
}

impl UserFunction for Deaf {
    fn discover(&self, _: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        ready(Ok(self.spec.clone())).boxed()
    }

    fn report_error(&self, _: String) -> BoxFuture<'_, ()> {
        pending().boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        let connection: EventSourcedConnection = if self.takes {
            stream::connection(|message: Option<EventSourcedStreamIn>| {
                let Some(In::Command(command)) = message.and_then(|message| message.message) else {
                    return stream::Say::Nothing;
                };
                let other = Command {
                    id: command.id + 1,
                    ..command
                };
                stream::Say::Message(EventSourcedStreamOut {
                    message: Some(Out::Reply(reply(&other, "", &[]))),
                })
            })
        } else {
            one_at_a_time(Nobody)
        };
        ready(Ok(connection)).boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

/// The other end of a stream that is not read.
struct Nobody;

impl Sink<EventSourcedStreamIn> for Nobody {
    type Error = UserFunctionError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }

    fn start_send(self: Pin<&mut Self>, _: EventSourcedStreamIn) -> Result<(), Self::Error> {
        Err(UserFunctionError::new("it was not ready"))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }
}

impl Stream for Nobody {
    type Item = Result<EventSourcedStreamOut, UserFunctionError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

/// How a call of it fails.
async fn failure(takes: bool) -> CallError {
    let (scripted, _) = Scripted::new(60_000, |_| Say::Nothing);
    let spec = scripted.spec().clone();
    let catalog = Catalog::new(&spec).unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let settings = settings(&["--command-timeout=200ms"]);
    let function = Arc::new(Deaf { spec, takes });
    let router = Router::new(catalog, function, &store, &settings, Metrics::default());
    call(&router, "a", "x").await.unwrap_err()
}

#[tokio::test]
async fn an_entity_that_cannot_be_loaded_in_time_is_given_up() {
    let error = failure(false).await;
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(
        error.message().contains("did not take what is stored"),
        "{error}"
    );
}

#[tokio::test]
async fn a_report_that_is_not_taken_keeps_no_caller() {
    let error = failure(true).await;
    let expected = (Code::Unknown, "Unexpected entity failure");
    assert_eq!((error.code(), error.message()), expected);
}
