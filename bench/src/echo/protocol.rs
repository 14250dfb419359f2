//! The protocol of event-sourced entities: to every command the same reply, with one event.
//!
//! The service is put together by hand: the protocol's generated server has a codec of its own, and what is compared with
//! has tonic's.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Reply,
        client_action::Action,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut, event_sourced_server,
            event_sourced_stream_in as input, event_sourced_stream_out as output,
        },
    },
};
use tokio_stream::Stream;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService, StreamingService},
};
use tonic_prost::ProstCodec;

use crate::workload;

/// `EventSourced.handle`, whatever the path.
#[derive(Clone, Debug)]
pub(super) struct EchoedEntity {
    reply: Arc<EventSourcedReply>,
}

impl Default for EchoedEntity {
    fn default() -> Self {
        let reply = Reply {
            payload: Some(Any::pack(&())),
            metadata: None,
        };
        let reply = EventSourcedReply {
            client_action: Some(ClientAction {
                action: Some(Action::Reply(reply)),
            }),
            events: vec![Any::pack(&workload::item_added(0))],
            ..EventSourcedReply::default()
        };
        Self {
            reply: Arc::new(reply),
        }
    }
}

impl NamedService for EchoedEntity {
    const NAME: &'static str = event_sourced_server::SERVICE_NAME;
}

impl Service<http::Request<Body>> for EchoedEntity {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let entity = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::default());
            Ok(grpc.streaming(entity, request).await)
        })
    }
}

impl StreamingService<EventSourcedStreamIn> for EchoedEntity {
    type Response = EventSourcedStreamOut;
    type ResponseStream = Replies;
    type Future = BoxFuture<Response<Replies>, Status>;

    fn call(&mut self, request: Request<Streaming<EventSourcedStreamIn>>) -> Self::Future {
        let replies = Replies {
            commands: request.into_inner(),
            reply: Arc::clone(&self.reply),
        };
        Box::pin(async { Ok(Response::new(replies)) })
    }
}

/// A reply for each command of a stream.
#[derive(Debug)]
pub(super) struct Replies {
    commands: Streaming<EventSourcedStreamIn>,
    reply: Arc<EventSourcedReply>,
}

impl Stream for Replies {
    type Item = Result<EventSourcedStreamOut, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let next = ready!(Pin::new(&mut self.commands).poll_next(cx));
            let message = match next.transpose()? {
                None => return Poll::Ready(None),
                Some(next) => next.message,
            };
            if let Some(input::Message::Command(command)) = message {
                let reply = EventSourcedReply {
                    command_id: command.id,
                    ..EventSourcedReply::clone(&self.reply)
                };
                let message = Some(output::Message::Reply(reply));
                return Poll::Ready(Some(Ok(EventSourcedStreamOut { message })));
            }
        }
    }
}
