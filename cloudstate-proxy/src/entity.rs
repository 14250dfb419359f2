//! Live entities: a task and a bounded mailbox for each, from its first command until it has been idle for a while.
//!
//! Only the hosts below see both sides, the user function and the store.

mod closing;
mod crdt;
mod durable;
mod event_sourced;
mod inbox;
mod metered;
mod respond;
mod value;

use std::sync::Arc;

use bytestring::ByteString;
use dashmap::{DashMap, Entry};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    call::{Call, CallError},
    catalog::{EntityKind, Service},
    metrics::{EntityMeters, Limit},
    settings::Settings,
    store::Store,
    user_function::UserFunction,
};
use crdt::CrdtHost;
use durable::DurableHost;
use event_sourced::EventSourced;
use metered::MeteredStore;
use value::Value;

pub(crate) use inbox::Inbox;
use inbox::{Mailbox, Rejected};
pub(crate) use respond::{Abandoned, Lost, Respond};

/// A command on its way to an entity, with the way back.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) call: Call,
    pub(crate) respond: Respond,
}

/// What all live entities of a process share: their number is bounded, and they stop together.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    places: Arc<Semaphore>,
    limit: usize,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Population {
    pub(crate) fn new(settings: &Settings) -> Self {
        let limit = settings.max_live_entities.get().min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(limit)),
            limit,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// How many entities are in memory.
    pub(crate) fn len(&self) -> usize {
        self.limit - self.places.available_permits()
    }

    /// Lets every entity finish what it has begun, and waits for the last one.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The live entities of one service.
#[derive(Debug)]
pub(crate) struct LiveEntities {
    pub(crate) service: Arc<Service>,
    mailboxes: DashMap<ByteString, Mailbox>,
    mailbox_size: usize,
    population: Population,
    tasks: TaskTracker,
    stop: CancellationToken,
    meters: Arc<EntityMeters>,
}

/// The entities of one service, of whichever kind they are.
#[derive(Clone, Debug)]
pub(crate) enum Entities {
    EventSourced(Arc<DurableHost<EventSourced>>),
    Value(Arc<DurableHost<Value>>),
    Crdt(Arc<CrdtHost>),
}

impl Entities {
    /// Entities of the service's kind, of which none is live yet; `None` for actions, which have none.
    pub(crate) fn new(
        live: LiveEntities,
        user_function: &Arc<dyn UserFunction>,
        store: &Arc<dyn Store>,
        settings: &Settings,
    ) -> Option<Self> {
        let user_function = Arc::clone(user_function);
        let store = MeteredStore::new(Arc::clone(store), Arc::clone(&live.meters));
        let store: Arc<dyn Store> = Arc::new(store);
        Some(match live.service.kind {
            EntityKind::EventSourced => Self::EventSourced(Arc::new(DurableHost::new(
                live,
                user_function,
                store,
                settings,
            ))),
            EntityKind::Value => Self::Value(Arc::new(DurableHost::new(
                live,
                user_function,
                store,
                settings,
            ))),
            EntityKind::Crdt => Self::Crdt(Arc::new(CrdtHost::new(
                live,
                user_function,
                store,
                settings,
            ))),
            EntityKind::Action => return None,
        })
    }

    /// What is measured of them.
    pub(crate) fn meters(&self) -> &Arc<EntityMeters> {
        &self.live().meters
    }

    fn live(&self) -> &LiveEntities {
        match self {
            Self::EventSourced(host) => host.live(),
            Self::Value(host) => host.live(),
            Self::Crdt(host) => host.live(),
        }
    }

    /// Hands a command to the entity of this id.
    pub(crate) fn submit(&self, id: &ByteString, envelope: Envelope) {
        match self {
            Self::EventSourced(host) => LiveEntities::submit(host, id, envelope),
            Self::Value(host) => LiveEntities::submit(host, id, envelope),
            Self::Crdt(host) => LiveEntities::submit(host, id, envelope),
        }
    }

    /// The service that they are of.
    pub(crate) fn service(&self) -> &Service {
        &self.live().service
    }

    /// Starts no more of them, lets those that are live finish what they have begun, and waits for the last one.
    pub(crate) async fn retire(&self) {
        let live = self.live();
        live.stop.cancel();
        live.tasks.close();
        live.tasks.wait().await;
    }
}

/// How a new live entity is started: what differs between the kinds of entity.
pub(crate) trait Host: Send + Sync + 'static {
    /// Runs an entity until it leaves memory.
    fn run(self: Arc<Self>, id: ByteString, inbox: Inbox) -> impl Future<Output = ()> + Send;

    /// The entities that it runs.
    fn live(&self) -> &LiveEntities;
}

impl LiveEntities {
    pub(crate) fn new(
        service: Arc<Service>,
        settings: &Settings,
        population: Population,
        meters: Arc<EntityMeters>,
    ) -> Self {
        Self {
            service,
            mailboxes: DashMap::new(),
            mailbox_size: settings.max_waiting_commands.get(),
            tasks: TaskTracker::new(),
            stop: population.stop.child_token(),
            population,
            meters,
        }
    }

    /// Completes when the process is asked to stop, or these entities are no longer served.
    pub(crate) fn stopping(&self) -> tokio_util::sync::WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    /// Tells the operator, and without waiting the user function, of a violation of the protocol.
    pub(crate) fn report(&self, user_function: &Arc<dyn UserFunction>, what: String) {
        tracing::error!("{what}");
        let user_function = Arc::clone(user_function);
        let mut told = async move { user_function.report_error(what).await }.boxed();
        if (&mut told).now_or_never().is_none() {
            self.population.tasks.spawn(told);
        }
    }

    /// Hands a command to its entity, which is started if it is not live.
    ///
    /// The map's lock is held while the command goes into the mailbox, and while an idle entity checks that its mailbox
    /// is empty before it leaves: no command can fall between the two.
    pub(crate) fn submit<H: Host>(host: &Arc<H>, id: &ByteString, envelope: Envelope) {
        let this = host.live();
        let Some(mailbox) = this.mailboxes.get(id) else {
            return Self::start(host, id, envelope);
        };
        match mailbox.send(envelope) {
            Ok(()) => {}
            Err(Rejected::Full(envelope)) => {
                let waiting = this.mailbox_size;
                drop(mailbox);
                this.meters.rejected(Limit::WaitingCommands);
                envelope.respond.send(Err(CallError::exhausted(format!(
                    "{waiting} commands already wait for entity `{id}` of {}; try again later",
                    this.service.name
                ))));
            }
            Err(Rejected::Closed(envelope)) => {
                drop(mailbox);
                Self::start(host, id, envelope);
            }
        }
    }

    fn start<H: Host>(host: &Arc<H>, id: &ByteString, envelope: Envelope) {
        let this = host.live();
        let place = match this.place() {
            Ok(place) => place,
            Err(error) => return envelope.respond.send(Err(error)),
        };
        // A copy: as a part of the request it would keep the request's whole buffer in memory, 8 KB for each live entity.
        let id = ByteString::from(id.to_string());
        match this.mailboxes.entry(id.clone()) {
            // Another caller was faster.
            Entry::Occupied(entry) if !entry.get().is_closed() => {
                drop(entry);
                Self::submit(host, &id, envelope);
            }
            entry => {
                let (mailbox, inbox) = Inbox::new(envelope, this.mailbox_size);
                let host = Arc::clone(host);
                let life = this.tasks.track_future(async move {
                    host.run(id, inbox).await;
                    drop(place);
                });
                this.population.tasks.spawn(life);
                entry.insert(mailbox);
            }
        }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        if self.stop.is_cancelled() {
            return Err(CallError::stopping());
        }
        Arc::clone(&self.population.places).try_acquire_owned().map_err(|_| {
            self.meters.rejected(Limit::LiveEntities);
            CallError::exhausted(format!(
                "{} entities are in memory, the most that CLOUDSTATE_MAX_LIVE_ENTITIES allows; try again later",
                self.population.limit
            ))
        })
    }

    /// Takes an entity out of the table unless a command has arrived meanwhile; says whether it is out.
    pub(crate) fn leave(&self, id: &ByteString, inbox: &Inbox) -> bool {
        self.mailboxes
            .remove_if(id, |_, _| inbox.is_empty())
            .is_some()
    }
}
