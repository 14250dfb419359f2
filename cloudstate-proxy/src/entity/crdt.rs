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

use std::{fmt, sync::Arc, time::Duration};

use cloudstate_protocol::cloudstate::crdt::{CrdtInit, crdt_stream_in::Message as In};
use tokio::time::Instant;
use tonic::Code;

use super::{Host, Inbox, LiveEntities, Residents, Wanted};
use crate::{
    call::CallError,
    crdt::Cluster,
    metrics::Life,
    settings::Settings,
    store::{EntityRef, Store},
    user_function::UserFunction,
};
use activation::Activation;
use exchange::Exchange;
use replica::Replica;
use storage::{ReadError, Storage, Stored};

/// What a caller reads when the user function reports a failure of its own; the detail goes to the log only.
const ENTITY_FAILURE: &str = "Unexpected entity failure";
/// What a caller reads when the entity is given up for something that is not the caller's doing.
const ENTITY_TERMINATING: &str = "Entity terminating";

/// What runs the CRDT entities of one service.
#[derive(Debug)]
pub(crate) struct CrdtHost {
    live: LiveEntities,
    residents: Residents<Parked>,
    user_function: Arc<dyn UserFunction>,
    store: Arc<dyn Store>,
    cluster: Arc<Cluster>,
    limits: Limits,
    /// Whether an entity that waits for a command has to listen to its user function.
    listens: bool,
}

/// What is kept of an entity while nothing is in progress.
struct Loaded {
    storage: Storage,
    exchange: Exchange,
    replica: Replica,
    /// Number of the last command that the user function was given; 0 for none.
    last_command: i64,
}

/// A loaded entity that waits for a command, without a task.
pub(crate) struct Parked {
    loaded: Loaded,
    life: Life,
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
    /// Nothing has been in progress since then, and nothing has to be listened to.
    AtRest { since: Instant },
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
            residents: Residents::new(limits.passivate_after),
            listens: user_function.speaks_unasked(),
            user_function,
            store,
            cluster: Arc::new(Cluster::of_one()),
            limits,
        }
    }

    /// Opens a stream for an entity, to tell it what is known; `None` if the entity was deleted.
    async fn load(&self, entity: &Arc<EntityRef>) -> Result<Option<Loaded>, CallError> {
        let (storage, stored) = Storage::read(&self.store, entity).await?;
        let copy = match stored {
            Stored::Deleted => return Ok(None),
            Stored::Copy(copy) => Some(copy),
            Stored::Nothing => None,
        };
        let mut replica = Replica::new(copy, Arc::clone(&self.cluster), self.limits.value);
        storage.follow(&mut replica);
        let mut exchange = Exchange::new(self.user_function.crdt().await?);
        exchange.send(In::Init(CrdtInit {
            service_name: self.live.service.name.clone(),
            entity_id: entity.key().entity_id.to_string(),
            delta: replica.whole(),
        }));
        Ok(Some(Loaded {
            storage,
            exchange,
            replica,
            last_command: 0,
        }))
    }

    /// Whether an entity may be parked that waits for a command.
    fn may_park(&self) -> bool {
        !self.listens && self.residents.may_park()
    }
}

impl Host for CrdtHost {
    type Parked = Parked;

    fn live(&self) -> &LiveEntities {
        &self.live
    }

    fn residents(&self) -> &Residents<Parked> {
        &self.residents
    }

    async fn run(self: Arc<Self>, mut inbox: Inbox<Parked>, parked: Option<(Parked, Wanted)>) {
        let entity = Arc::clone(inbox.entity());
        let (mut parked, mut wanted) = match parked {
            Some((parked, wanted)) => (Some(parked), wanted),
            None => (None, Wanted::ToServe),
        };
        loop {
            let (life, loaded) = match parked.take() {
                Some(Parked { life, loaded }) => (life, Ok(Some(loaded))),
                None => {
                    let life = Life::begin(&self.live.meters);
                    // In a box of its own, which is gone when the entity waits.
                    let loaded = Box::pin(self.load(&entity)).await;
                    if let Ok(Some(_)) = loaded {
                        life.loaded();
                    }
                    (life, loaded)
                }
            };
            let mut end = match loaded {
                Ok(Some(loaded)) => {
                    let mut activation = Activation::new(&self, entity.key(), loaded);
                    match activation.serve(&mut inbox, wanted).await {
                        End::AtRest { since } => {
                            let loaded = activation.into_loaded();
                            let entity = Parked { loaded, life };
                            match LiveEntities::park(&self, &mut inbox, entity, since) {
                                Ok(()) => return,
                                Err(busy) => (parked, wanted) = (Some(busy), Wanted::ToServe),
                            }
                            continue;
                        }
                        end => end,
                    }
                }
                Ok(None) => End::Deleted,
                Err(error) => {
                    tracing::error!(entity = %entity.key(), %error, "the entity cannot be loaded");
                    inbox.fail_waiting(&error);
                    End::Reload
                }
            };
            life.ended(matches!(end, End::Reload));
            wanted = Wanted::ToServe;
            if let End::Deleted = end {
                end = deletion::serve(&self, &mut inbox).await;
            }
            match end {
                End::Stopped => return,
                End::AtRest { .. } | End::Idle | End::Reload | End::Deleted => {
                    if self.residents.leave(&inbox) {
                        return;
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("replica", &self.loaded.replica)
            .field("life", &self.life)
            .finish_non_exhaustive()
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
