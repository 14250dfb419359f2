//! The commands that wait for one entity, and the entity itself while it waits for a command.
//!
//! A channel would do, but not for the entities that wait: tokio's takes a block of 32 places with the first command and
//! keeps it, some 3 KB for each idle entity. What is here keeps nothing.
//!
//! An entity has a task while something is in progress. One that waits for nothing but a command may leave its task and
//! be *parked* in its mailbox; whoever brings the next command, or asks it to leave, takes it out and gives it a task
//! again. All of this is settled under the mailbox's lock: a command finds a task that will look for it, a parked entity,
//! or an entity that has left, and nothing in between.

use std::{
    borrow::Borrow,
    collections::VecDeque,
    future::poll_fn,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Poll,
};

use futures_util::task::AtomicWaker;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::Envelope;
use crate::{call::CallError, store::EntityRef};

/// Where the commands of a live entity are put: the senders' end of an [`Inbox`].
///
/// It is hashed and compared by the entity's id, so that a table of mailboxes needs no copies of the ids.
#[derive(Debug)]
pub(crate) struct Mailbox<P>(Arc<Shared<P>>);

/// A mailbox that does not keep its entity in memory.
#[derive(Debug)]
pub(crate) struct Address<P>(Weak<Shared<P>>);

/// What became of a command that is in a mailbox.
pub(crate) enum Sent<P> {
    /// The entity's task takes it.
    Waiting,
    /// The entity had been parked since then, and has to be given a task.
    Unparked(Inbox<P>, P, Instant),
}

/// Why a command did not go into a mailbox; it comes back.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// As many wait as may.
    Full(Envelope),
    /// The entity has left.
    Closed(Envelope),
}

/// What an entity does that has perhaps been idle for too long.
pub(crate) enum Idleness<P> {
    /// It was. It has to be given a task to leave.
    Over(Inbox<P>, P),
    /// It has been parked since then, or is busy now.
    Since(Option<Instant>),
    /// It has left.
    Gone,
}

/// The entity's end of a bounded mailbox.
#[derive(Debug)]
pub(crate) struct Inbox<P> {
    shared: Arc<Shared<P>>,
    /// Its place among the live entities; `None` once the entity is parked, and this is nothing any more.
    place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Shared<P> {
    entity: Arc<EntityRef>,
    waiting: Mutex<Waiting<P>>,
    /// Of the entity's task.
    task: AtomicWaker,
}

#[derive(Debug)]
struct Waiting<P> {
    commands: VecDeque<Envelope>,
    stage: Stage<P>,
    /// Somebody will see how long the entity has been parked.
    watched: bool,
}

#[derive(Debug)]
enum Stage<P> {
    /// There is a task, which has something to do.
    Busy,
    /// There is a task, and it waits for a command.
    Idle,
    /// There is no task.
    Parked {
        entity: P,
        place: OwnedSemaphorePermit,
        since: Instant,
    },
    /// The entity has left memory.
    Gone,
}

impl<P> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, Waiting<P>> {
        // Nothing that holds the lock can leave it half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the entity out if it is parked, and says since when.
    fn unpark(self: &Arc<Self>, waiting: &mut Waiting<P>) -> Option<(Inbox<P>, P, Instant)> {
        match std::mem::replace(&mut waiting.stage, Stage::Busy) {
            Stage::Parked {
                entity,
                place,
                since,
            } => {
                let inbox = Inbox {
                    shared: Arc::clone(self),
                    place: Some(place),
                };
                Some((inbox, entity, since))
            }
            other => {
                waiting.stage = other;
                None
            }
        }
    }
}

impl<P> Mailbox<P> {
    /// Puts a command behind those that wait, which are fewer than `limit`.
    #[expect(
        clippy::result_large_err,
        reason = "a command that comes back is moved on at once; a box would cost every command that does not"
    )]
    pub(crate) fn send(&self, mut envelope: Envelope, limit: usize) -> Result<Sent<P>, Rejected> {
        let mut waiting = self.0.lock();
        match waiting.stage {
            Stage::Gone => return Err(Rejected::Closed(envelope)),
            _ if waiting.commands.len() >= limit => return Err(Rejected::Full(envelope)),
            Stage::Busy => envelope.respond.stash(),
            Stage::Idle => waiting.stage = Stage::Busy,
            Stage::Parked { .. } => {}
        }
        waiting.commands.push_back(envelope);
        if let Some((inbox, entity, since)) = self.0.unpark(&mut waiting) {
            return Ok(Sent::Unparked(inbox, entity, since));
        }
        drop(waiting);
        self.0.task.wake();
        Ok(Sent::Waiting)
    }

    /// Whether the entity has left.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.0.lock().stage, Stage::Gone)
    }

    fn id(&self) -> &str {
        &self.0.entity.key().entity_id
    }
}

impl<P> Borrow<str> for Mailbox<P> {
    fn borrow(&self) -> &str {
        self.id()
    }
}

impl<P> Hash for Mailbox<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<P> PartialEq for Mailbox<P> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<P> Eq for Mailbox<P> {}

impl<P> Address<P> {
    /// Whether the entity has certainly left memory.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Takes the entity out if it has been parked for too long.
    pub(crate) fn idleness(&self, is_over: impl FnOnce(Instant) -> bool) -> Idleness<P> {
        let Some(shared) = self.0.upgrade() else {
            return Idleness::Gone;
        };
        let mut waiting = shared.lock();
        match waiting.stage {
            Stage::Gone => return Idleness::Gone,
            Stage::Busy | Stage::Idle => return Idleness::Since(None),
            Stage::Parked { since, .. } if !is_over(since) => return Idleness::Since(Some(since)),
            Stage::Parked { .. } => {}
        }
        waiting.watched = false;
        match shared.unpark(&mut waiting) {
            Some((inbox, entity, _)) => Idleness::Over(inbox, entity),
            None => Idleness::Gone,
        }
    }
}

impl<P> Inbox<P> {
    /// An empty inbox and its mailbox.
    pub(crate) fn new(entity: Arc<EntityRef>, place: OwnedSemaphorePermit) -> (Mailbox<P>, Self) {
        let waiting = Waiting {
            commands: VecDeque::new(),
            stage: Stage::Busy,
            watched: false,
        };
        let shared = Arc::new(Shared {
            entity,
            waiting: Mutex::new(waiting),
            task: AtomicWaker::new(),
        });
        let mailbox = Mailbox(Arc::clone(&shared));
        let place = Some(place);
        (mailbox, Self { shared, place })
    }

    /// Whose it is.
    pub(crate) fn entity(&self) -> &Arc<EntityRef> {
        &self.shared.entity
    }

    /// The next command whose caller still waits.
    ///
    /// A caller that has gone away before its command began cannot tell whether it ran, so it does not.
    pub(crate) async fn next(&mut self) -> Envelope {
        loop {
            let mut envelope = self.receive().await;
            envelope.respond.unstash();
            if !envelope.respond.is_abandoned() {
                return envelope;
            }
        }
    }

    /// The next command, if one waits already whose caller does too.
    pub(crate) fn next_waiting(&mut self) -> Option<Envelope> {
        loop {
            let mut envelope = self.shared.lock().commands.pop_front()?;
            envelope.respond.unstash();
            if !envelope.respond.is_abandoned() {
                return Some(envelope);
            }
        }
    }

    async fn receive(&self) -> Envelope {
        poll_fn(|cx| {
            if let Some(envelope) = self.shared.lock().commands.pop_front() {
                return Poll::Ready(envelope);
            }
            self.shared.task.register(cx.waker());
            // A command may have come before the waker was known.
            let mut waiting = self.shared.lock();
            match waiting.commands.pop_front() {
                Some(envelope) => Poll::Ready(envelope),
                None => {
                    waiting.stage = Stage::Idle;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Puts the command in that brings the entity into memory.
    pub(crate) fn put_first(&mut self, mut envelope: Envelope) {
        envelope.respond.stash();
        self.shared.lock().commands.push_back(envelope);
    }

    /// Puts a command back, before all others.
    pub(crate) fn put_back(&mut self, envelope: Envelope) {
        self.shared.lock().commands.push_front(envelope);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shared.lock().commands.is_empty()
    }

    /// Answers everything that waits now with one error.
    pub(crate) fn fail_waiting(&mut self, error: &CallError) {
        // Taken out first: answering is not for the time of the lock.
        let waiting = std::mem::take(&mut self.shared.lock().commands);
        for envelope in waiting {
            envelope.respond.send(Err(error.clone()));
        }
    }

    /// Where the entity can be found, if nobody has asked before, or since it was last found idle for too long.
    pub(crate) fn watch(&self) -> Option<Address<P>> {
        let mut waiting = self.shared.lock();
        let asked = std::mem::replace(&mut waiting.watched, true);
        (!asked).then(|| Address(Arc::downgrade(&self.shared)))
    }

    /// Parks the entity, which has been at rest since then. Its task ends; this inbox is of no use any more. It has to be [watched](Self::watch).
    ///
    /// The entity comes back if a command has arrived meanwhile, or `allowed` says that it must not be parked: that is
    /// asked under the mailbox's lock, which whoever withdraws the permission takes afterwards.
    pub(crate) fn park(
        &mut self,
        entity: P,
        since: Instant,
        allowed: impl FnOnce() -> bool,
    ) -> Result<(), P> {
        let mut waiting = self.shared.lock();
        if !waiting.commands.is_empty() || !allowed() {
            return Err(entity);
        }
        let Some(place) = self.place.take() else {
            return Err(entity);
        };
        waiting.commands = VecDeque::new();
        waiting.stage = Stage::Parked {
            entity,
            place,
            since,
        };
        // The waker is the task's, which would stay in memory with it.
        drop(self.shared.task.take());
        Ok(())
    }
}

impl<P> Drop for Inbox<P> {
    fn drop(&mut self) {
        // A parked entity has not left.
        let Some(place) = self.place.take() else {
            return;
        };
        let mut waiting = self.shared.lock();
        waiting.stage = Stage::Gone;
        let commands = std::mem::take(&mut waiting.commands);
        drop(waiting);
        // Without an entity there is no answer; their callers are told so where they wait.
        drop(commands);
        drop(place);
    }
}
