//! Parked entities that nobody uses leave memory: one task for all entities of a service sees to it, in place of a timer
//! for each.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::inbox::{Address, Idleness, Inbox};

/// An entity leaves at the latest by this part of its time after it was due.
const PRECISION: u32 = 32;
/// Addresses before the first look for those of entities that have left by themselves.
const FEW: usize = 1024;

/// When which entity has to be looked at.
///
/// An entity that is parked the first time gives its address here, once: a command changes nothing, and whoever looks at
/// the entity in due time sees how long it has been parked, and looks again later if need be.
#[derive(Debug)]
pub(crate) struct Parking<P> {
    /// How long an entity may be parked.
    limit: Duration,
    queue: Mutex<Queue<P>>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Queue<P> {
    /// By the time at which to look at them, or a little later. Their times are at least a [`PRECISION`] apart, or
    /// almost, so that there are few.
    due: BTreeMap<Instant, Vec<Address<P>>>,
    len: usize,
    /// How many there may be before those of entities that have left are sought out.
    enough: usize,
    /// Somebody looks after it.
    attended: bool,
}

impl<P> Parking<P> {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            queue: Mutex::new(Queue {
                due: BTreeMap::new(),
                len: 0,
                enough: FEW,
                attended: false,
            }),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether entities may be parked at present.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// Entities are not parked any more. Those that are have to be [sought out](Self::all).
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Has an entity looked at in time that is about to be parked. Says whether somebody has to begin to look.
    #[must_use]
    pub(crate) fn add(&self, entity: Address<P>) -> bool {
        let mut queue = self.lock();
        if queue.len >= queue.enough {
            queue.forget_gone();
        }
        queue.insert(Instant::now() + self.limit, self.limit, entity);
        !mem::replace(&mut queue.attended, true)
    }

    /// When to look next. If there is nothing to look at whoever asks need not ask again.
    pub(crate) fn next(&self) -> Option<Instant> {
        let mut queue = self.lock();
        let next = queue.due.first_key_value().map(|(due, _)| *due);
        queue.attended = next.is_some();
        next
    }

    /// The entities to be looked at now.
    pub(crate) fn due(&self) -> Vec<Address<P>> {
        let (now, mut queue) = (Instant::now(), self.lock());
        let mut due = Vec::new();
        while let Some(first) = queue.due.first_entry()
            && *first.key() <= now
        {
            due.extend(first.remove());
        }
        queue.len -= due.len();
        due
    }

    /// All entities.
    pub(crate) fn all(&self) -> Vec<Address<P>> {
        let mut queue = self.lock();
        queue.len = 0;
        mem::take(&mut queue.due).into_values().flatten().collect()
    }

    /// Looks at an entity. One that is parked has to leave if that is too long, or if entities are not parked any more;
    /// others are looked at again in time.
    pub(crate) fn look(&self, entity: Address<P>) -> Option<(Inbox<P>, P)> {
        let now = Instant::now();
        let has_to_leave = |since| !self.is_open() || now.duration_since(since) >= self.limit;
        let since = match entity.idleness(has_to_leave) {
            Idleness::Over(inbox, parked) => return Some((inbox, parked)),
            Idleness::Since(since) => since.unwrap_or(now),
            Idleness::Gone => return None,
        };
        if self.is_open() {
            self.lock().insert(since + self.limit, self.limit, entity);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Queue<P>> {
        // Nothing panics while it holds the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Queue<P> {
    /// Sees that an entity is looked at not before it is due, and not much later.
    fn insert(&mut self, due: Instant, limit: Duration, entity: Address<P>) {
        let latest = due + limit / PRECISION;
        let slot = match self.due.range_mut(due..=latest).next() {
            Some((_, slot)) => slot,
            None => self.due.entry(latest).or_default(),
        };
        slot.push(entity);
        self.len += 1;
    }

    /// Entities also leave by themselves, and leave their addresses behind.
    fn forget_gone(&mut self) {
        for slot in self.due.values_mut() {
            slot.retain(|entity| !entity.is_gone());
        }
        self.due.retain(|_, slot| !slot.is_empty());
        self.len = self.due.values().map(Vec::len).sum();
        // As many may come again: each costs a look at one other.
        self.enough = FEW.max(2 * self.len);
    }
}
