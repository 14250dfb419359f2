//! The proxy's side of an event-sourced entity, and the notation of its cases.
//!
//! ```no_run
//! use tck_harness::{case::Fixture, event_sourced::{Entity, fail, failed, reply}, failure::Verdict};
//!
//! async fn example(tck: &mut Fixture) -> Verdict {
//!     let mut entity = Entity::new(tck).activate().await?;
//!     entity.emits(1, ["A", "B"], reply("AB")).await?;
//!     entity.process(2, [fail("no")], failed("no")).await?;
//!     entity.end().await
//! }
//! ```

mod notation;

pub use notation::{
    Expected, effect, emit, fail, failed, forward, forwarded, reply, synchronous_effect,
};

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        Failure,
        client_action::Action as Answer,
        eventsourced::{
            EventSourcedEvent, EventSourcedInit, EventSourcedSnapshot, EventSourcedStreamIn,
            EventSourcedStreamOut, event_sourced_stream_in::Message as In,
            event_sourced_stream_out::Message as Out,
        },
    },
};

use crate::{
    answer::command,
    case::Fixture,
    connection::{Connection, Link},
    failure::Verdict,
    pb::{EventSourcedTckModel, Persisted, Request, RequestAction},
};

const HANDLE: &str = "/cloudstate.eventsourced.EventSourced/handle";

/// An entity of `cloudstate.tck.model.EventSourcedTckModel` that the service does not hold.
#[derive(Clone, Debug)]
pub struct Entity {
    link: Link,
    id: String,
}

/// An entity that the service holds: one stream of `EventSourced.handle`.
#[derive(Debug)]
pub struct ActiveEntity {
    entity: Entity,
    connection: Connection<EventSourcedStreamIn, EventSourcedStreamOut>,
}

impl Entity {
    /// An entity that no case has used before.
    pub fn new(tck: &mut Fixture) -> Self {
        let id = tck.next_event_sourced_id();
        let link = tck.link().clone();
        Self { link, id }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Opens a stream for it, without a snapshot.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn activate(&self) -> Verdict<ActiveEntity> {
        self.activate_with(None).await
    }

    /// Opens a stream for it, with a snapshot of this state behind the event with this sequence number.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn activate_from(&self, sequence: i64, state: &str) -> Verdict<ActiveEntity> {
        let snapshot = EventSourcedSnapshot {
            snapshot_sequence: sequence,
            snapshot: Some(persisted(state)),
        };
        self.activate_with(Some(snapshot)).await
    }

    async fn activate_with(&self, snapshot: Option<EventSourcedSnapshot>) -> Verdict<ActiveEntity> {
        let active = ActiveEntity {
            entity: self.clone(),
            connection: self.link.open(HANDLE),
        };
        let init = EventSourcedInit {
            service_name: EventSourcedTckModel::NAME.into(),
            entity_id: self.id.clone(),
            snapshot,
        };
        active.send(In::Init(init)).await?;
        Ok(active)
    }
}

impl ActiveEntity {
    /// Replays a stored event.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn replay(&self, sequence: i64, value: &str) -> Verdict {
        let payload = Some(persisted(value));
        self.send(In::Event(EventSourcedEvent { sequence, payload }))
            .await
    }

    /// Sends command `id` to `Process`, and waits for exactly this reply.
    ///
    /// # Errors
    /// The service answers otherwise, or not in time.
    pub async fn process<const N: usize>(
        &mut self,
        id: i64,
        actions: [RequestAction; N],
        expected: Expected,
    ) -> Verdict {
        self.command(id, actions).await?;
        self.expect(id, expected).await
    }

    /// Waits for exactly this reply to command `id`.
    ///
    /// # Errors
    /// The service answers otherwise, or not in time.
    pub async fn expect(&mut self, id: i64, expected: Expected) -> Verdict {
        self.connection.expect(&expected.to(id)).await
    }

    /// Sends command `id` to `Process`, which emits these values, and waits for exactly this reply with these events.
    ///
    /// # Errors
    /// The service answers otherwise, or not in time.
    pub async fn emits<const N: usize>(
        &mut self,
        id: i64,
        values: [&str; N],
        expected: Expected,
    ) -> Verdict {
        self.process(id, values.map(emit), expected.events(values))
            .await
    }

    /// Sends command `id` to `Process`, and waits for a reply with a failure. Gives whether it asks for a restart; what
    /// else is in the reply does not matter.
    ///
    /// # Errors
    /// The service answers otherwise, or not in time.
    pub async fn process_failing<const N: usize>(
        &mut self,
        id: i64,
        actions: [RequestAction; N],
        description: &str,
    ) -> Verdict<bool> {
        self.command(id, actions).await?;
        let expected = failed(description).to(id);
        let expected = self.entity.link.descriptors.show(&expected);
        let received = self.connection.receive(&expected).await?;
        match failure_in(&received.message) {
            Some(failure) if failure.command_id == id && failure.description == description => {
                Ok(failure.restart)
            }
            _ => Err(self.connection.difference(&expected, &received)),
        }
    }

    /// Ends the input; the service answers what it has got, and must then complete the stream.
    pub fn end_input(&mut self) {
        self.connection.end_input();
    }

    /// Cancels the stream, as happens where a proxy is lost.
    pub fn cancel(self) {
        self.connection.cancel();
    }

    /// Ends the input if it is still open; the service must complete the stream with OK and without another message.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn passivate(self) -> Verdict<Entity> {
        self.connection.complete().await?;
        Ok(self.entity)
    }

    /// [`passivate`](Self::passivate), for the end of a case.
    ///
    /// # Errors
    /// As there.
    pub async fn end(self) -> Verdict {
        self.passivate().await.map(drop)
    }

    /// Sends command `id` to `Process`, and does not wait for the reply.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn command<const N: usize>(&self, id: i64, actions: [RequestAction; N]) -> Verdict {
        let request = Request {
            id: self.entity.id.clone(),
            actions: actions.into(),
        };
        let command = command(EventSourcedTckModel::Process, &self.entity.id, id, &request);
        self.send(In::Command(command)).await
    }

    async fn send(&self, message: In) -> Verdict {
        let message = Some(message);
        self.connection
            .send(&EventSourcedStreamIn { message })
            .await
    }
}

fn failure_in(message: &EventSourcedStreamOut) -> Option<&Failure> {
    let Some(Out::Reply(reply)) = &message.message else {
        return None;
    };
    match reply.client_action.as_ref()?.action.as_ref()? {
        Answer::Failure(failure) => Some(failure),
        Answer::Reply(_) | Answer::Forward(_) => None,
    }
}

fn persisted(value: &str) -> Any {
    Any::pack(&Persisted {
        value: value.into(),
    })
}
