//! Live entities: a bounded mailbox for each, from its first command until it has been idle for a while, and a task while
//! something is in progress.
//!
//! Only the hosts below see both sides, the user function and the store.

mod closing;
mod crdt;
mod durable;
mod event_sourced;
mod inbox;
mod metered;
mod parking;
mod respond;
mod value;

use std::{sync::Arc, time::Duration};

use bytestring::ByteString;
use dashmap::{DashMap, Entry};
use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    call::{Call, CallError},
    catalog::{EntityKind, Service},
    metrics::{EntityMeters, Limit},
    settings::Settings,
    store::{EntityKey, EntityRef, Store},
    user_function::UserFunction,
};
use crdt::CrdtHost;
use durable::DurableHost;
use event_sourced::EventSourced;
use metered::MeteredStore;
use parking::Parking;
use value::Value;

pub(crate) use inbox::Inbox;
use inbox::{Mailbox, Rejected, Sent};
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

/// Entities that are asked to leave memory before others get a turn.
const LEAVING: usize = 64;
/// How soon behind the last one a command makes it worth while that the entity's task waits for the next. A new task for
/// each command is 1,100 instructions in memory and 4,100 with SQLite, 1.5 and 3.4 % of all that an `AddItem` takes.
const LINGER: Duration = Duration::from_secs(1);

/// What the live entities of one service share.
#[derive(Debug)]
pub(crate) struct LiveEntities {
    pub(crate) service: Arc<Service>,
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

/// How a live entity is run: what differs between the kinds of entity.
pub(crate) trait Host: Send + Sync + 'static {
    /// An entity that is parked: in memory, waiting for a command, without a task.
    type Parked: Send + 'static;

    /// Runs an entity until it is parked or leaves memory. One that was parked comes with where it stands.
    fn run(
        self: Arc<Self>,
        inbox: Inbox<Self::Parked>,
        parked: Option<(Self::Parked, Wanted)>,
    ) -> impl Future<Output = ()> + Send;

    /// What its entities share.
    fn live(&self) -> &LiveEntities;

    /// Where its entities are.
    fn residents(&self) -> &Residents<Self::Parked>;
}

/// Why a parked entity gets a task again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A command has come.
    ToServe,
    /// A command has come, and another not long ago.
    Again,
    /// Nobody has used it for a while.
    ToLeave,
}

/// The live entities of one service, by their ids; and those that are parked, by when they are to leave.
#[derive(Debug)]
pub(crate) struct Residents<P> {
    mailboxes: DashMap<Mailbox<P>, ()>,
    parking: Parking<P>,
}

impl<P> Residents<P> {
    /// None yet. An entity may be parked for so long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            mailboxes: DashMap::new(),
            parking: Parking::new(limit),
        }
    }

    /// Whether an entity may be parked at present.
    pub(crate) fn may_park(&self) -> bool {
        self.parking.is_open()
    }

    /// Takes an entity out of the table unless a command has arrived meanwhile; says whether it is out.
    pub(crate) fn leave(&self, inbox: &Inbox<P>) -> bool {
        let id: &str = &inbox.entity().key().entity_id;
        self.mailboxes
            .remove_if(id, |_, ()| inbox.is_empty())
            .is_some()
    }
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
    pub(crate) fn submit<H: Host>(host: &Arc<H>, id: &str, envelope: Envelope) {
        let (this, residents) = (host.live(), host.residents());
        let Some(mailbox) = residents.mailboxes.get(id) else {
            return Self::start(host, id, envelope);
        };
        let sent = mailbox.key().send(envelope, this.mailbox_size);
        drop(mailbox);
        match sent {
            Ok(Sent::Waiting) => {}
            Ok(Sent::Unparked(inbox, parked, since)) => {
                let wanted = if since.elapsed() < LINGER {
                    Wanted::Again
                } else {
                    Wanted::ToServe
                };
                this.spawn(host, inbox, Some((parked, wanted)));
            }
            Err(Rejected::Full(envelope)) => {
                let waiting = this.mailbox_size;
                this.meters.rejected(Limit::WaitingCommands);
                envelope.respond.send(Err(CallError::exhausted(format!(
                    "{waiting} commands already wait for entity `{id}` of {}; try again later",
                    this.service.name
                ))));
            }
            Err(Rejected::Closed(envelope)) => Self::start(host, id, envelope),
        }
    }

    fn start<H: Host>(host: &Arc<H>, id: &str, envelope: Envelope) {
        let this = host.live();
        let place = match this.place() {
            Ok(place) => place,
            Err(error) => return envelope.respond.send(Err(error)),
        };
        let entity = Arc::new(EntityRef::new(EntityKey {
            persistence_id: Arc::clone(&this.service.persistence_id),
            // A copy: as a part of the request it would keep the request's whole buffer in memory, 8 KB for each live entity.
            entity_id: ByteString::from(id.to_owned()),
        }));
        let (mailbox, mut inbox) = Inbox::new(entity, place);
        match host.residents().mailboxes.entry(mailbox) {
            // Another caller was faster.
            Entry::Occupied(entry) if !entry.key().is_closed() => {
                drop(entry);
                drop(inbox);
                Self::submit(host, id, envelope);
            }
            entry => {
                inbox.put_first(envelope);
                this.spawn(host, inbox, None);
                match entry {
                    Entry::Occupied(closed) => drop(closed.replace_entry(())),
                    Entry::Vacant(vacant) => drop(vacant.insert(())),
                }
            }
        }
    }

    fn spawn<H: Host>(
        &self,
        host: &Arc<H>,
        inbox: Inbox<H::Parked>,
        parked: Option<(H::Parked, Wanted)>,
    ) {
        let life = Arc::clone(host).run(inbox, parked);
        self.population.tasks.spawn(self.tasks.track_future(life));
    }

    /// Parks an entity, whose task ends then.
    ///
    /// It comes back if a command has arrived meanwhile, or if the process is stopping.
    pub(crate) fn park<H: Host>(
        host: &Arc<H>,
        inbox: &mut Inbox<H::Parked>,
        entity: H::Parked,
        since: Instant,
    ) -> Result<(), H::Parked> {
        let parking = &host.residents().parking;
        if let Some(address) = inbox.watch()
            && parking.add(address)
        {
            let (this, attending) = (host.live(), Self::attend(Arc::clone(host)));
            let attending = this.tasks.track_future(attending);
            this.population.tasks.spawn(attending);
        }
        inbox.park(entity, since, || parking.is_open())
    }

    /// Has parked entities leave: those that nobody uses, and all of them when the process stops.
    ///
    /// When it stops, an entity that is not parked yet may have asked already whether it may be. It has the lock of its
    /// mailbox from then until it is parked, and its address was added before: `all` includes it, and to look at it takes
    /// that lock. If its address is added later, parking is closed when it asks.
    async fn attend<H: Host>(host: Arc<H>) {
        let (this, parking) = (host.live(), &host.residents().parking);
        while let Some(next) = parking.next() {
            let looked_at = tokio::select! {
                biased;
                () = this.stopping() => {
                    parking.close();
                    parking.all()
                }
                () = sleep_until(next) => parking.due(),
            };
            for (number, address) in looked_at.into_iter().enumerate() {
                if let Some((inbox, parked)) = parking.look(address) {
                    this.spawn(&host, inbox, Some((parked, Wanted::ToLeave)));
                }
                if number % LEAVING == LEAVING - 1 {
                    yield_now().await;
                }
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
}
