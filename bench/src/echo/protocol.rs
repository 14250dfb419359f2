//! The protocol of event-sourced entities: to every command the same reply, with one event.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Reply,
        client_action::Action,
        eventsourced::{
            EventSourcedReply, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_server::EventSourced, event_sourced_stream_in as input,
            event_sourced_stream_out as output,
        },
    },
};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::workload;

#[derive(Debug)]
pub(super) struct EchoedEntity {
    reply: EventSourcedReply,
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
        Self { reply }
    }
}

#[tonic::async_trait]
impl EventSourced for EchoedEntity {
    type handleStream = Replies;

    async fn handle(
        &self,
        request: Request<Streaming<EventSourcedStreamIn>>,
    ) -> Result<Response<Replies>, Status> {
        Ok(Response::new(Replies {
            commands: request.into_inner(),
            reply: self.reply.clone(),
        }))
    }
}

/// A reply for each command of a stream.
#[derive(Debug)]
pub(super) struct Replies {
    commands: Streaming<EventSourcedStreamIn>,
    reply: EventSourcedReply,
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
                    ..self.reply.clone()
                };
                let message = Some(output::Message::Reply(reply));
                return Poll::Ready(Some(Ok(EventSourcedStreamOut { message })));
            }
        }
    }
}
