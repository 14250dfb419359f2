//! Event-sourced entities: their events are replayed, from the newest snapshot on, and what they emit is stored.

use std::sync::Arc;

use cloudstate_protocol::{
    Any,
    cloudstate::{
        Command,
        eventsourced::{
            EventSourcedEvent, EventSourcedInit, EventSourcedSnapshot, EventSourcedStreamIn,
            EventSourcedStreamOut, event_sourced_stream_in::Message as In,
            event_sourced_stream_out::Message as Out,
        },
    },
};

use super::durable::{DurableHost, Heard, Kind, LoadError, Loaded, Loading, Reply, Snapshot};
use crate::store::{Append, EntityRef, Write};

/// Events read from the journal at a time, which bounds what a long replay holds in memory.
const PAGE: usize = 1024;

/// What the proxy knows of a loaded event-sourced entity.
#[derive(Debug)]
pub(crate) struct EventSourced {
    /// Sequence number of the last event handed to the journal, durable or not.
    sequence: u64,
}

/// What a reply wants stored.
#[derive(Debug)]
pub(crate) struct Emitted {
    events: Vec<Any>,
    snapshot: Option<Any>,
}

impl Kind for EventSourced {
    type In = EventSourcedStreamIn;
    type Out = EventSourcedStreamOut;
    type Changes = Emitted;

    const FAILURE: &'static str = "Unexpected entity failure";
    const TERMINATION: &'static str = "Unexpected entity termination";
    const RESTARTS: bool = true;

    /// Newest snapshot, then the events after it, page by page as fast as the user function takes them.
    async fn load(
        host: &DurableHost<Self>,
        entity: &Arc<EntityRef>,
        snapshot: Snapshot,
    ) -> Result<Loaded<Self>, LoadError> {
        let stored = match snapshot {
            Snapshot::Use => host.store.latest_snapshot(entity).await?,
            Snapshot::Skip => None,
        };
        let mut sequence = stored.as_ref().map_or(0, |stored| stored.sequence);
        let connection = host.user_function.event_sourced().await?;
        let mut loading =
            Loading::<Self>::new(entity, connection, stored.is_some(), host.patience());
        let init = EventSourcedInit {
            service_name: host.live.service.name.clone(),
            entity_id: entity.key().entity_id.to_string(),
            snapshot: stored.map(|stored| EventSourcedSnapshot {
                snapshot_sequence: to_wire(stored.sequence),
                snapshot: Some(stored.payload),
            }),
        };
        loading.tell(message(In::Init(init))).await?;
        loop {
            let page = host.store.events(entity, sequence, PAGE).await?;
            let Some(last) = page.last() else { break };
            sequence = last.sequence;
            for event in page {
                let event = EventSourcedEvent {
                    sequence: to_wire(event.sequence),
                    payload: Some(event.payload),
                };
                loading.tell(message(In::Event(event))).await?;
            }
        }
        loading.done(Self { sequence }).await
    }

    fn command(command: Command) -> EventSourcedStreamIn {
        message(In::Command(command))
    }

    fn heard(message: EventSourcedStreamOut) -> Heard<Emitted> {
        match message.message {
            Some(Out::Reply(reply)) => Heard::Reply(Reply {
                command_id: reply.command_id,
                action: reply.client_action.and_then(|action| action.action),
                effects: reply.side_effects,
                changes: Emitted {
                    events: reply.events,
                    snapshot: reply.snapshot,
                },
            }),
            Some(Out::Failure(failure)) => Heard::Failure(failure),
            None => Heard::Nothing,
        }
    }

    fn write(
        &mut self,
        entity: &Arc<EntityRef>,
        Emitted { events, snapshot }: Emitted,
    ) -> Result<Option<Write>, &'static str> {
        if events.is_empty() {
            return Ok(None);
        }
        let after = self.sequence;
        self.sequence += events.len() as u64;
        Ok(Some(Write::Append(Append {
            entity: Arc::clone(entity),
            after,
            events,
            snapshot,
        })))
    }
}

fn message(message: In) -> EventSourcedStreamIn {
    EventSourcedStreamIn {
        message: Some(message),
    }
}

/// Sequence numbers are `int64` in the protocol.
fn to_wire(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
