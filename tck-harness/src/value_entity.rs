//! The proxy's side of a value entity, and the notation of its cases.
//!
//! ```no_run
//! use tck_harness::{case::Fixture, failure::Verdict, value_entity::{Entity, delete, reply, update}};
//!
//! async fn example(tck: &mut Fixture) -> Verdict {
//!     let mut entity = Entity::new(tck).activate().await?;
//!     entity.process(1, [update("A")], reply("A").update("A")).await?;
//!     entity.process(2, [delete()], reply("").delete()).await?;
//!     entity.end().await
//! }
//! ```

mod notation;

pub use notation::{
    Expected, delete, effect, fail, failed, forward, forwarded, reply, synchronous_effect, update,
};

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::valueentity::{
        ValueEntityInit, ValueEntityInitState, ValueEntityStreamIn, ValueEntityStreamOut,
        value_entity_stream_in::Message as In,
    },
};

use crate::{
    answer::command,
    case::Fixture,
    connection::{Connection, Link},
    failure::Verdict,
    pb::valueentity::{Persisted, Request, RequestAction, ValueEntityTckModel},
};

const HANDLE: &str = "/cloudstate.valueentity.ValueEntity/handle";

/// An entity of `cloudstate.tck.model.valueentity.ValueEntityTckModel` that the service does not hold.
#[derive(Clone, Debug)]
pub struct Entity {
    link: Link,
    id: String,
}

/// An entity that the service holds: one stream of `ValueEntity.handle`.
#[derive(Debug)]
pub struct ActiveEntity {
    entity: Entity,
    connection: Connection<ValueEntityStreamIn, ValueEntityStreamOut>,
}

impl Entity {
    /// An entity that no case has used before.
    pub fn new(tck: &mut Fixture) -> Self {
        let id = tck.next_value_entity_id();
        let link = tck.link().clone();
        Self { link, id }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Opens a stream for it while nothing is stored of it.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn activate(&self) -> Verdict<ActiveEntity> {
        self.activate_with(None).await
    }

    /// Opens a stream for it while this state is stored.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn activate_from(&self, state: &str) -> Verdict<ActiveEntity> {
        self.activate_with(Some(persisted(state))).await
    }

    async fn activate_with(&self, value: Option<Any>) -> Verdict<ActiveEntity> {
        let active = ActiveEntity {
            entity: self.clone(),
            connection: self.link.open(HANDLE),
        };
        let init = ValueEntityInit {
            service_name: ValueEntityTckModel::NAME.into(),
            entity_id: self.id.clone(),
            state: Some(ValueEntityInitState { value }),
        };
        active.send(In::Init(init)).await?;
        Ok(active)
    }
}

impl ActiveEntity {
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

    /// Sends command `id` to `Process`, and does not wait for the reply.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn command<const N: usize>(&self, id: i64, actions: [RequestAction; N]) -> Verdict {
        let request = Request {
            id: self.entity.id.clone(),
            actions: actions.into(),
        };
        let command = command(ValueEntityTckModel::Process, &self.entity.id, id, &request);
        self.send(In::Command(command)).await
    }

    /// Waits for exactly this reply to command `id`.
    ///
    /// # Errors
    /// The service answers otherwise, or not in time.
    pub async fn expect(&mut self, id: i64, expected: Expected) -> Verdict {
        self.connection.expect(&expected.to(id)).await
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

    async fn send(&self, message: In) -> Verdict {
        let message = Some(message);
        self.connection.send(&ValueEntityStreamIn { message }).await
    }
}

fn persisted(value: &str) -> Any {
    Any::pack(&Persisted {
        value: value.into(),
    })
}
