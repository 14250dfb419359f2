//! An event-sourced user function, driven as a proxy drives it: a stream per entity, commands in, replies out.

use std::{collections::VecDeque, fmt, time::Instant};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        Command, Metadata,
        eventsourced::{
            EventSourcedInit, EventSourcedStreamIn, EventSourcedStreamOut,
            event_sourced_client::EventSourcedClient, event_sourced_stream_in::Message,
            event_sourced_stream_out as output,
        },
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

use crate::{
    Error,
    closed_loop::{Callers, ClosedLoop, Measurement, Tally},
    load,
    server::Server,
    workload::{self, PRODUCTS},
};

/// The cart's service, as a proxy names it to the user function.
const SERVICE: &str = "com.example.shoppingcart.ShoppingCart";

/// The shape of a load on a protocol server.
#[derive(Clone, Copy, Debug)]
pub struct StreamLoad {
    /// Streams, each an entity of its own.
    pub streams: u32,
    /// Commands of each stream that wait for their reply at any time.
    pub in_flight: u32,
    /// Connections that the streams share evenly.
    pub connections: u32,
    /// How long, and on how many threads.
    pub pace: ClosedLoop,
}

/// `64 streams on 4 connections, 1 command in flight on each`.
impl fmt::Display for StreamLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |count: u32, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        write!(
            f,
            "{} on {}, {} in flight{}",
            many(self.streams, "stream"),
            many(self.connections, "connection"),
            many(self.in_flight, "command"),
            if self.streams == 1 { "" } else { " on each" }
        )
    }
}

impl StreamLoad {
    /// Puts this load on `server` until the measurement is over.
    ///
    /// # Errors
    /// The server cannot be connected to, a stream fails, or a reply is not what the command asked for.
    pub fn run(&self, server: &Server) -> Result<Measurement, Error> {
        self.pace.run(server, async |tally| {
            let mut clients = Vec::new();
            for _ in 0..self.connections {
                clients.push(EventSourcedClient::new(load::channel(server).await?));
            }
            // All are open before the first command, which would have the others wait.
            let mut entities = Vec::new();
            for (number, client) in (0..self.streams).zip(clients.iter().cycle()) {
                let entity = Entity::open(client.clone(), number, self.in_flight).await;
                entities.push(entity.map_err(|status| Error::call(server, status))?);
            }
            let mut callers = Callers::new();
            for entity in entities {
                callers.spawn(entity.command_until_over(tally.clone()));
            }
            Ok(callers)
        })
    }
}

/// A live entity, as a proxy has it.
struct Entity {
    id: String,
    commands: mpsc::Sender<EventSourcedStreamIn>,
    replies: Streaming<EventSourcedStreamOut>,
    /// One command for each product, packed before the measurement.
    payloads: Vec<Any>,
    in_flight: u32,
}

impl Entity {
    async fn open(
        mut client: EventSourcedClient<Channel>,
        number: u32,
        in_flight: u32,
    ) -> Result<Self, Status> {
        let id = workload::cart_id(number);
        // There is room for every command in flight, so sending never waits.
        let (commands, outgoing) = mpsc::channel(in_flight as usize + 1);
        let init = EventSourcedInit {
            service_name: SERVICE.to_owned(),
            entity_id: id.clone(),
            snapshot: None,
        };
        send(&commands, Message::Init(init)).await?;
        let replies = client.handle(ReceiverStream::new(outgoing)).await?;
        let payload = |product| Any::pack(&workload::add_item(number, product));
        Ok(Self {
            id,
            commands,
            replies: replies.into_inner(),
            payloads: (0..PRODUCTS).map(payload).collect(),
            in_flight,
        })
    }

    async fn command_until_over(mut self, mut tally: Tally) -> Result<Tally, Status> {
        let mut waiting = VecDeque::new();
        let mut last = 0;
        let mut answered = 0;
        loop {
            while waiting.len() < self.in_flight as usize {
                last += 1;
                waiting.push_back(Instant::now());
                send(&self.commands, Message::Command(self.command(last))).await?;
            }
            let Some(out) = self.replies.message().await? else {
                return Err(Status::aborted("the stream ended"));
            };
            answered += 1;
            let expected = |reply: &output::Message| match reply {
                output::Message::Reply(reply) => {
                    reply.command_id == answered && reply.events.len() == 1
                }
                output::Message::Failure(_) => false,
            };
            if !out.message.as_ref().is_some_and(expected) {
                let text = format!("command {answered} was answered with {out:?}");
                return Err(Status::data_loss(text));
            }
            if let Some(called) = waiting.pop_front()
                && tally.answered(called).is_break()
            {
                return Ok(tally);
            }
        }
    }

    fn command(&self, id: i64) -> Command {
        Command {
            entity_id: self.id.clone(),
            id,
            name: "AddItem".to_owned(),
            payload: Some(self.payloads[id as usize % self.payloads.len()].clone()),
            streamed: false,
            metadata: Some(Metadata::default()),
        }
    }
}

async fn send(
    commands: &mpsc::Sender<EventSourcedStreamIn>,
    message: Message,
) -> Result<(), Status> {
    let message = Some(message);
    let sent = commands.send(EventSourcedStreamIn { message }).await;
    sent.map_err(|_| Status::aborted("the stream takes no more commands"))
}
