//! Entities whose state is in the store: one lifecycle for event-sourced and value entities.
//!
//! An entity is loaded, serves one command after the other, and leaves memory when it is idle. What differs between the
//! kinds is a [`Kind`].

mod activation;
mod ending;
mod loading;
mod unanswered;

use std::{fmt, sync::Arc, time::Duration};

use cloudstate_protocol::cloudstate::{Command, Failure, SideEffect, client_action::Action};
use tokio::time::Instant;

use super::{Host, Inbox, LiveEntities, Residents, Wanted};
use crate::{
    metrics::Life,
    settings::Settings,
    store::{EntityRef, Store, Write},
    user_function::{Connection, UserFunction},
};
use activation::Activation;

pub(super) use loading::{LoadError, Loading, Snapshot};

/// What differs between the kinds of entity. A value is the proxy's knowledge of one loaded entity.
pub(crate) trait Kind: fmt::Debug + Send + Sized + 'static {
    /// What the proxy says on an entity's stream.
    type In: Send + 'static;
    /// What the user function answers on it.
    type Out: Send + 'static;
    /// What a reply wants stored.
    type Changes: Send;

    /// What a caller reads when the user function reports a failure of its own; the detail goes to the log only.
    const FAILURE: &'static str;
    /// What a caller reads when the stream to the user function breaks off.
    const TERMINATION: &'static str;
    /// Whether a refusal may ask that the entity be loaded anew.
    const RESTARTS: bool;

    /// Opens a stream and brings the user function up to what is stored.
    fn load(
        host: &DurableHost<Self>,
        entity: &Arc<EntityRef>,
        snapshot: Snapshot,
    ) -> impl Future<Output = Result<Loaded<Self>, LoadError>> + Send;

    /// A command as the stream carries it.
    fn command(command: Command) -> Self::In;

    /// What a message of the user function means.
    fn heard(message: Self::Out) -> Heard<Self::Changes>;

    /// The changes of a reply as they go to the store; `None` if there are none.
    ///
    /// # Errors
    /// How they break the protocol.
    fn write(
        &mut self,
        entity: &Arc<EntityRef>,
        changes: Self::Changes,
    ) -> Result<Option<Write>, &'static str>;
}

/// An entity that can take commands.
pub(crate) struct Loaded<K: Kind> {
    pub(super) kind: K,
    pub(super) connection: Connection<K::In, K::Out>,
    /// Number of the last command that the user function was given; 0 for none.
    pub(super) last_command: i64,
    /// It was loaded from a snapshot and has not said anything since: a failure may be the snapshot's fault.
    pub(super) snapshot_on_trial: bool,
}

/// A loaded entity that waits for a command, without a task.
pub(crate) struct Parked<K: Kind> {
    loaded: Loaded<K>,
    life: Life,
}

/// A message of the user function.
#[derive(Debug)]
pub(crate) enum Heard<C> {
    Reply(Reply<C>),
    Failure(Failure),
    Nothing,
}

/// The answer to a command.
#[derive(Debug)]
pub(crate) struct Reply<C> {
    pub(super) command_id: i64,
    pub(super) action: Option<Action>,
    pub(super) effects: Vec<SideEffect>,
    pub(super) changes: C,
}

/// What runs the entities of one service.
#[derive(Debug)]
pub(crate) struct DurableHost<K: Kind> {
    pub(super) live: LiveEntities,
    residents: Residents<Parked<K>>,
    pub(super) user_function: Arc<dyn UserFunction>,
    pub(super) store: Arc<dyn Store>,
    limits: Limits,
    /// Whether an entity that waits for a command has to listen to its user function.
    listens: bool,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    passivate_after: Duration,
    command_timeout: Duration,
}

/// Why an activation is over.
#[derive(Debug)]
enum End {
    /// Nothing has been in progress since then, and nothing has to be listened to.
    AtRest { since: Instant },
    /// Nothing happened for a while; the stream has been closed in good order.
    Idle,
    /// The live state is of no use any more and is loaded anew: at once, or with the next command.
    Reload { at_once: bool },
    /// The user function could not make use of the snapshot.
    SnapshotRefused,
    /// The process is stopping and this entity has finished.
    Stopped,
}

impl<K: Kind> DurableHost<K> {
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
            residents: Residents::new(limits.passivate_after),
            listens: user_function.speaks_unasked(),
            user_function,
            store,
            limits,
        }
    }

    /// Whether an entity may be parked that waits for a command.
    fn may_park(&self) -> bool {
        !self.listens && self.residents.may_park()
    }

    /// How long the user function may take over one command, or over one thing that it is told.
    pub(super) fn patience(&self) -> Duration {
        self.limits.command_timeout
    }
}

impl<K: Kind> fmt::Debug for Parked<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("kind", &self.loaded.kind)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

impl<K: Kind> Host for DurableHost<K> {
    type Parked = Parked<K>;

    fn live(&self) -> &LiveEntities {
        &self.live
    }

    fn residents(&self) -> &Residents<Parked<K>> {
        &self.residents
    }

    async fn run(
        self: Arc<Self>,
        mut inbox: Inbox<Parked<K>>,
        parked: Option<(Parked<K>, Wanted)>,
    ) {
        let entity = Arc::clone(inbox.entity());
        let mut wanted = parked
            .as_ref()
            .map_or(Wanted::ToServe, |(_, wanted)| *wanted);
        let mut parked = parked.map(|(parked, _)| parked);
        let mut snapshot = Snapshot::Use;
        loop {
            let (life, loaded) = match parked.take() {
                Some(Parked { life, loaded }) => (life, Ok(loaded)),
                None => {
                    let life = Life::begin(&self.live.meters);
                    // In a box of its own, which is gone when the entity waits.
                    let loaded = Box::pin(K::load(&self, &entity, snapshot)).await;
                    if loaded.is_ok() {
                        life.loaded();
                    }
                    (life, loaded)
                }
            };
            let end = match loaded {
                Ok(loaded) => {
                    let mut activation = Activation::new(&self, &entity, loaded);
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
                Err(LoadError::SnapshotRefused) => End::SnapshotRefused,
                Err(LoadError::Failed(error)) => {
                    tracing::error!(entity = %entity.key(), %error, "the entity cannot be loaded");
                    inbox.fail_waiting(&error.into_call_error(K::FAILURE));
                    End::Reload { at_once: false }
                }
            };
            life.ended(matches!(end, End::Reload { at_once: false }));
            (snapshot, wanted) = (Snapshot::Use, Wanted::ToServe);
            match end {
                End::Stopped => return,
                End::Reload { at_once: true } => {}
                End::SnapshotRefused => {
                    tracing::warn!(entity = %entity.key(), "the snapshot is not understood; replaying every event");
                    snapshot = Snapshot::Skip;
                }
                End::AtRest { .. } | End::Idle | End::Reload { at_once: false } => {
                    if self.residents.leave(&inbox) {
                        return;
                    }
                }
            }
        }
    }
}
