//! The journal: events and snapshots of entities, in an order that everybody agrees on.
//!
//! A [`Store`] knows entities by their keys and payloads by their bytes. It knows nothing of gRPC, and decides nothing:
//! who may write is settled by the sequence number that a writer says it has seen.

pub mod conformance;
mod error;
mod location;
mod memory;
mod meters;
pub(crate) mod recovering;
mod sqlite;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::SystemTime,
};

use bytestring::ByteString;
use cloudstate_protocol::Any;
use futures_util::future::BoxFuture;
use prometheus::core::Collector;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use crate::{metrics::Persisting, trace::Trace};

pub use error::{OpenError, StoreError};
pub use location::StoreLocation;
pub use memory::MemoryStore;
#[cfg(feature = "fuzzing")]
pub(crate) use sqlite::fuzzing;
pub use sqlite::{Damage, Dropped, Recovery, SqliteStore};

/// Keeps events and snapshots of entities, and values of others.
///
/// Every engine passes the [`conformance`] suite, which says what is expected in code.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Queues events, in the order of calls, and returns at once. The future resolves when they are durable.
    ///
    /// All events of one append are stored, or none; so is its snapshot.
    fn append(&self, append: Append) -> Commit;

    /// Queues a change of an entity's value, in the order of calls with [`append`](Self::append), and returns at once.
    /// The future resolves to the value's revision when it is durable.
    fn put(&self, put: Put) -> Commit;

    /// Queues changes of several entities, one of each, that are stored together or not at all; otherwise like
    /// [`append`](Self::append). The future resolves to what the first of them would resolve to alone.
    fn write(&self, writes: Vec<Write>) -> Commit;

    /// The value of an entity.
    fn value(&self, entity: &Arc<EntityRef>)
    -> BoxFuture<'static, Result<StoredValue, StoreError>>;

    /// The values of all entities of one persistence id whose id is greater than `after`, in the order of the ids' bytes,
    /// at most `limit` of them; bounded like [`events`](Self::events). Deleted ones are left out.
    fn values(
        &self,
        persistence_id: &Arc<str>,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<EntityValue>, StoreError>>;

    /// The newest readable snapshot of an entity.
    fn latest_snapshot(
        &self,
        entity: &Arc<EntityRef>,
    ) -> BoxFuture<'static, Result<Option<StoredSnapshot>, StoreError>>;

    /// The events of an entity whose sequence number is greater than `after`, oldest first, at most `limit` of them.
    ///
    /// Fewer may come, so that a page of large events stays bounded in memory, and what is before a damaged event can
    /// be read; none means that there are no more.
    fn events(
        &self,
        entity: &Arc<EntityRef>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StoredEvent>, StoreError>>;

    /// The events of all entities whose position is greater than `after`, in the order in which they were stored, at
    /// most `limit` of them; bounded and ended like [`events`](Self::events).
    fn journal(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<JournalEntry>, StoreError>>;

    /// The position of the last stored event; 0 when there is none.
    fn last_position(&self) -> BoxFuture<'static, Result<u64, StoreError>>;

    /// The position of the last stored event, as it grows. It may be behind [`last_position`](Self::last_position) for a
    /// moment.
    fn grown(&self) -> watch::Receiver<u64>;

    /// Why it takes nothing at present, as that changes; none for an engine to which that cannot happen.
    fn trouble(&self) -> Option<watch::Receiver<Option<Trouble>>> {
        None
    }

    /// Learns where to ask how many requests are in progress, of which any may write next. An engine that writes in groups
    /// may wait a moment for a crowd; by itself it knows only of those that have come.
    fn watch_demand(&self, _: Demand) {}

    /// What and where it is, for people: `stored by SQLite in ./data/shopping-cart`.
    fn describe(&self) -> String;

    /// What it measures of itself, for one registry to gather.
    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        Vec::new()
    }

    /// Stores what is queued and lets go of everything. Later appends and reads fail with [`StoreError::Closed`].
    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// Bytes of payload after which a page of events is full.
const PAGE_BYTES: usize = 4 << 20;

/// Opens the store at a location.
///
/// Blocks while it reads the disk.
///
/// # Errors
/// The store is in use, cannot be read or written, or has lost something.
pub fn open(location: &StoreLocation) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match location {
        StoreLocation::Memory => Arc::new(MemoryStore::new()),
        StoreLocation::Directory(directory) => Arc::new(SqliteStore::open(directory)?),
    })
}

/// How many requests are in progress at the moment.
pub type Demand = Arc<dyn Fn() -> usize + Send + Sync>;

/// Why a store takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For an operator.
    pub reason: String,
    /// Whether it takes nothing more until it is opened anew.
    pub is_final: bool,
}

/// Which entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntityKey {
    /// The entity type's.
    pub persistence_id: Arc<str>,
    /// The entity's own.
    pub entity_id: ByteString,
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.persistence_id, self.entity_id)
    }
}

/// An entity's key, and what an engine remembers about it, so that it looks the key up once.
#[derive(Debug)]
pub struct EntityRef {
    key: EntityKey,
    number: OnceLock<i64>,
}

impl EntityRef {
    /// An entity that no engine has looked up yet.
    pub fn new(key: EntityKey) -> Self {
        Self {
            key,
            number: OnceLock::new(),
        }
    }

    /// Which entity.
    pub fn key(&self) -> &EntityKey {
        &self.key
    }

    /// The number that the engine has given the entity.
    pub fn number(&self) -> Option<i64> {
        self.number.get().copied()
    }

    /// Remembers the entity's number, which never changes once it is stored.
    pub fn remember(&self, number: i64) {
        let _ = self.number.set(number);
    }
}

/// Events to store, and perhaps a snapshot.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose events they are.
    pub entity: Arc<EntityRef>,
    /// Sequence number of the last event that the writer knows; anything else in the store is a conflict.
    pub after: u64,
    /// The events; they get the sequence numbers from `after + 1` on.
    pub events: Vec<Any>,
    /// The state after the last of these events. Ignored without events.
    pub snapshot: Option<Any>,
}

/// A change of an entity's value.
#[derive(Clone, Debug)]
pub struct Put {
    /// Whose value it is.
    pub entity: Arc<EntityRef>,
    /// The revision that the writer knows; anything else in the store is a conflict. The new one is the next number.
    pub after: u64,
    /// What becomes of the value.
    pub change: Change,
}

/// What a [`Put`] makes of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The value is this one. What was stored of it before is dropped.
    Whole(Any),
    /// What leads from the value at the revision before to this one; only its writer knows how. It is kept beside the
    /// value, behind the deltas before it. Refused where there is no value.
    Delta(Any),
    /// There is no value any more.
    Delete,
}

impl Change {
    /// What has to be stored.
    pub fn payload(&self) -> Option<&Any> {
        match self {
            Self::Whole(payload) | Self::Delta(payload) => Some(payload),
            Self::Delete => None,
        }
    }
}

/// Events to store behind whatever is there: of a log that many write to and nobody owns.
#[derive(Clone, Debug)]
pub struct Extend {
    /// Whose events they are.
    pub entity: Arc<EntityRef>,
    /// The events; they get the next sequence numbers.
    pub events: Vec<Any>,
}

/// One of several changes that belong together.
#[derive(Clone, Debug)]
pub enum Write {
    /// Events of an entity.
    Append(Append),
    /// An entity's value.
    Put(Put),
    /// Events of a log.
    Extend(Extend),
}

impl Write {
    /// What it changes.
    pub fn entity(&self) -> &Arc<EntityRef> {
        match self {
            Self::Append(append) => &append.entity,
            Self::Put(put) => &put.entity,
            Self::Extend(extend) => &extend.entity,
        }
    }
}

/// The value of an entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredValue {
    /// How many changes it has seen; 0 if there never was a value. Deleting is a change.
    pub revision: u64,
    /// The last one that was stored whole; `None` if it was deleted.
    pub payload: Option<Any>,
    /// What has changed it since, oldest first: the last of them makes the value of this revision.
    pub deltas: Vec<Any>,
}

/// The value of one of many entities.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityValue {
    /// Whose value it is.
    pub entity: EntityKey,
    /// As [`StoredValue::revision`].
    pub revision: u64,
    /// As [`StoredValue::payload`].
    pub payload: Any,
    /// As [`StoredValue::deltas`].
    pub deltas: Vec<Any>,
}

impl EntityValue {
    /// Bytes of what is stored of it.
    fn size(&self) -> usize {
        let deltas = self.deltas.iter().map(|delta| delta.value.len());
        self.payload.value.len() + deltas.sum::<usize>()
    }
}

/// An event of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// From 1, without gaps.
    pub sequence: u64,
    /// What was stored.
    pub payload: Any,
}

/// A state of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSnapshot {
    /// Sequence number of the last event that is in it.
    pub sequence: u64,
    /// What was stored.
    pub payload: Any,
}

/// An event as one of all.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// From 1, without gaps, over all entities.
    pub position: u64,
    /// When it was stored, by the clock of this machine.
    pub time: SystemTime,
    /// Whose event it is.
    pub entity: EntityKey,
    /// Its number among the entity's events.
    pub sequence: u64,
    /// What was stored.
    pub payload: Any,
}

/// An append or a change on its way: resolves to the entity's last sequence number, or to the value's revision, once it is
/// durable.
///
/// Dropping it does not stop it.
#[derive(Debug)]
pub struct Commit {
    state: CommitState,
    measured: Option<Persisting>,
    traced: Option<(Trace, Instant)>,
}

#[derive(Debug)]
enum CommitState {
    Ready(Option<Result<u64, StoreError>>),
    Waiting(oneshot::Receiver<Result<u64, StoreError>>),
}

impl Commit {
    /// One whose outcome is known.
    pub fn ready(result: Result<u64, StoreError>) -> Self {
        Self::new(CommitState::Ready(Some(result)))
    }

    /// One whose outcome will be sent; if the sender is dropped, the store was closed.
    pub fn waiting(receiver: oneshot::Receiver<Result<u64, StoreError>>) -> Self {
        Self::new(CommitState::Waiting(receiver))
    }

    fn new(state: CommitState) -> Self {
        Self {
            state,
            measured: None,
            traced: None,
        }
    }

    /// The same, as a span of this trace from now on.
    pub(crate) fn traced(self, trace: &Trace) -> Self {
        Self {
            traced: trace.is_recorded().then(|| (trace.clone(), Instant::now())),
            ..self
        }
    }

    /// The same, measured from now until its outcome is taken.
    pub(crate) fn measured(self, persisting: Persisting) -> Self {
        Self {
            measured: Some(persisting),
            ..self
        }
    }
}

impl Future for Commit {
    type Output = Result<u64, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.state {
            CommitState::Ready(result) => result.take().unwrap_or(Err(StoreError::Closed)),
            CommitState::Waiting(receiver) => {
                ready!(Pin::new(receiver).poll(cx)).unwrap_or(Err(StoreError::Closed))
            }
        };
        if let Some((trace, since)) = self.traced.take() {
            trace.record("store", since);
        }
        if let Some(measured) = self.measured.take() {
            measured.done(&result);
        }
        Poll::Ready(result)
    }
}
