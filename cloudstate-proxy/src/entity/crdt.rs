//! CRDT entities: keeps this proxy's copy of each, runs their commands, and passes on what their user functions say to
//! those who listen.
//!
//! This proxy is the only replica. Where others come in is marked by [`Cluster`]: their copies are to be merged into
//! [`Replica`](replica::Replica), and a write consistency above `LOCAL` is to wait for them in the
//! [`Outbox`](outbox::Outbox). Alone, a proxy is the majority and all.

mod activation;
mod deletion;
mod ending;
mod exchange;
mod hearing;
mod listeners;
mod outbox;
mod replica;
mod storage;

use std::{sync::Arc, time::Duration};

use bytestring::ByteString;
use tonic::Code;

use super::{Host, Inbox, LiveEntities};
use crate::{
    call::CallError,
    crdt::Cluster,
    settings::Settings,
    store::{EntityKey, EntityRef, Store},
    user_function::UserFunction,
};
use activation::Activation;
use storage::{ReadError, Storage, Stored};

/// What a caller reads when the user function reports a failure of its own; the detail goes to the log only.
const ENTITY_FAILURE: &str = "Unexpected entity failure";
/// What a caller reads when the entity is given up for something that is not the caller's doing.
const ENTITY_TERMINATING: &str = "Entity terminating";

/// What runs the CRDT entities of one service.
#[derive(Debug)]
pub(crate) struct CrdtHost {
    live: LiveEntities,
    user_function: Arc<dyn UserFunction>,
    store: Arc<dyn Store>,
    cluster: Cluster,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    passivate_after: Duration,
    command_timeout: Duration,
    /// Clients that listen to one entity.
    listeners: usize,
    /// Bytes of a whole value as a delta.
    value: usize,
}

/// Why an activation is over.
#[derive(Debug)]
enum End {
    /// Nothing happened for a while; the stream has been closed in good order.
    Idle,
    /// The live state is of no use any more and is loaded anew with the next command.
    Reload,
    /// The entity was deleted.
    Deleted,
    /// The process is stopping and this entity has finished.
    Stopped,
}

impl CrdtHost {
    pub(crate) fn new(
        live: LiveEntities,
        user_function: Arc<dyn UserFunction>,
        store: Arc<dyn Store>,
        settings: &Settings,
    ) -> Self {
        let limits = Limits {
            passivate_after: live
                .service
                .passivate_after
                .unwrap_or(settings.passivate_after),
            command_timeout: settings.command_timeout,
            listeners: settings.max_streams_per_entity.get(),
            value: settings.max_message_size.get(),
        };
        Self {
            live,
            user_function,
            store,
            cluster: Cluster::of_one(),
            limits,
        }
    }

    /// Opens a stream for an entity and tells it what is known; `None` if the entity was deleted.
    async fn load<'a>(
        &'a self,
        entity: &'a Arc<EntityRef>,
    ) -> Result<Option<Activation<'a>>, CallError> {
        let (storage, stored) = Storage::read(&self.store, entity).await?;
        let copy = match stored {
            Stored::Deleted => return Ok(None),
            Stored::Copy(copy) => Some(copy),
            Stored::Nothing => None,
        };
        let connection = self.user_function.crdt().await?;
        let activation = Activation::new(self, entity.key(), storage, connection, copy);
        Ok(Some(activation))
    }
}

impl Host for CrdtHost {
    fn live(&self) -> &LiveEntities {
        &self.live
    }

    async fn run(self: Arc<Self>, id: ByteString, mut inbox: Inbox) {
        let entity = Arc::new(EntityRef::new(EntityKey {
            persistence_id: Arc::clone(&self.live.service.persistence_id),
            entity_id: id.clone(),
        }));
        loop {
            let life = self.live.meters.activate();
            // In a box of its own, which is gone when the entity waits.
            let mut end = match Box::pin(self.load(&entity)).await {
                Ok(Some(mut activation)) => {
                    life.loaded();
                    activation.serve(&mut inbox).await
                }
                Ok(None) => End::Deleted,
                Err(error) => {
                    tracing::error!(entity = %entity.key(), %error, "the entity cannot be loaded");
                    inbox.fail_waiting(&error);
                    End::Reload
                }
            };
            life.ended(matches!(end, End::Reload));
            if let End::Deleted = end {
                end = deletion::serve(&self, &mut inbox).await;
            }
            match end {
                End::Stopped => return,
                End::Idle | End::Reload | End::Deleted => {
                    if self.live.leave(&id, &inbox) {
                        return;
                    }
                }
            }
        }
    }
}

impl From<ReadError> for CallError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            ReadError::Decode(error) => Self::new(Code::DataLoss, error.to_string()),
        }
    }
}
