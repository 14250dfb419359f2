//! Event-sourced entities: loads them from the journal, runs their commands, and stores their events.

mod activation;
mod loading;
mod unanswered;

use std::sync::Arc;

use bytestring::ByteString;

use super::{Host, Inbox, LiveEntities};
use crate::{
    call::CallError,
    settings::Settings,
    store::{EntityKey, EntityRef, Store},
    user_function::UserFunction,
};
use activation::Activation;
use loading::{LoadError, Snapshot};

/// What runs the event-sourced entities of one service.
#[derive(Debug)]
pub(crate) struct EventSourcedHost {
    live: LiveEntities,
    user_function: Arc<dyn UserFunction>,
    store: Arc<dyn Store>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    passivate_after: std::time::Duration,
    command_timeout: std::time::Duration,
}

/// Why an activation is over.
#[derive(Debug)]
enum End {
    /// Nothing happened for a while; the stream has been closed in good order.
    Idle,
    /// The live state is of no use any more and is loaded anew: at once, or with the next command.
    Reload { at_once: bool },
    /// The user function could not make use of the snapshot.
    SnapshotRefused,
    /// The process is stopping and this entity has finished.
    Stopped,
}

impl EventSourcedHost {
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
        };
        Self {
            live,
            user_function,
            store,
            limits,
        }
    }
}

impl Host for EventSourcedHost {
    fn live(&self) -> &LiveEntities {
        &self.live
    }

    async fn run(self: Arc<Self>, id: ByteString, mut inbox: Inbox) {
        let persistence_id = Arc::clone(&self.live.service.persistence_id);
        let entity = Arc::new(EntityRef::new(EntityKey {
            persistence_id,
            entity_id: id.clone(),
        }));
        let mut snapshot = Snapshot::Use;
        loop {
            let end = match Activation::load(&self, &entity, snapshot).await {
                Ok(mut activation) => activation.serve(&mut inbox).await,
                Err(LoadError::SnapshotRefused) => End::SnapshotRefused,
                Err(LoadError::Failed(error)) => {
                    tracing::error!(entity = %entity.key(), %error, "the entity cannot be loaded");
                    inbox.fail_waiting(&CallError::from(error));
                    End::Reload { at_once: false }
                }
            };
            snapshot = Snapshot::Use;
            match end {
                End::Stopped => return,
                End::Reload { at_once: true } => {}
                End::SnapshotRefused => {
                    tracing::warn!(entity = %entity.key(), "the snapshot is not understood; replaying every event");
                    snapshot = Snapshot::Skip;
                }
                End::Idle | End::Reload { at_once: false } => {
                    if self.live.leave(&id, &inbox) {
                        return;
                    }
                }
            }
        }
    }
}
