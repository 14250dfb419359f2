//! The commands that wait for one entity.
//!
//! A channel would do, but not for the entities that wait: tokio's takes a block of 32 places with the first command and
//! keeps it, some 3 KB for each idle entity. What is here keeps next to nothing.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use futures_util::task::AtomicWaker;

use super::Envelope;
use crate::call::CallError;

/// Places that an empty mailbox keeps.
const KEPT: usize = 1;

/// Where commands are put: the senders' end of an [`Inbox`].
#[derive(Debug)]
pub(crate) struct Mailbox(Arc<Shared>);

/// Why a command did not go into a mailbox; it comes back.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// As many wait as may.
    Full(Envelope),
    /// The entity has left.
    Closed(Envelope),
}

/// The entity's end of a bounded mailbox.
#[derive(Debug)]
pub(crate) struct Inbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    entity: AtomicWaker,
    limit: usize,
}

#[derive(Debug)]
struct Waiting {
    commands: VecDeque<Envelope>,
    closed: bool,
    /// The entity has nothing to do but to wait for a command.
    idle: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that holds the lock can leave it half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Puts a command behind those that wait.
    #[expect(
        clippy::result_large_err,
        reason = "a command that comes back is moved on at once; a box would cost every command that does not"
    )]
    pub(crate) fn send(&self, mut envelope: Envelope) -> Result<(), Rejected> {
        let mut waiting = self.0.lock();
        if waiting.closed {
            return Err(Rejected::Closed(envelope));
        }
        if waiting.commands.len() >= self.0.limit {
            return Err(Rejected::Full(envelope));
        }
        if !std::mem::take(&mut waiting.idle) {
            envelope.respond.stash();
        }
        waiting.commands.push_back(envelope);
        drop(waiting);
        self.0.entity.wake();
        Ok(())
    }

    /// Whether the entity has left.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

impl Inbox {
    /// An inbox with its first command, and the mailbox that takes up to `limit` others.
    pub(crate) fn new(mut first: Envelope, limit: usize) -> (Mailbox, Self) {
        first.respond.stash();
        let waiting = Waiting {
            commands: VecDeque::from([first]),
            closed: false,
            idle: false,
        };
        let shared = Arc::new(Shared {
            waiting: Mutex::new(waiting),
            entity: AtomicWaker::new(),
            limit,
        });
        (Mailbox(Arc::clone(&shared)), Self(shared))
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
            let mut envelope = self.0.lock().commands.pop_front()?;
            envelope.respond.unstash();
            if !envelope.respond.is_abandoned() {
                return Some(envelope);
            }
        }
    }

    async fn receive(&self) -> Envelope {
        poll_fn(|cx| {
            if let Some(envelope) = self.0.lock().commands.pop_front() {
                return Poll::Ready(envelope);
            }
            self.0.entity.register(cx.waker());
            // A command may have come before the waker was known.
            let mut waiting = self.0.lock();
            match waiting.commands.pop_front() {
                Some(envelope) => Poll::Ready(envelope),
                None => {
                    waiting.commands.shrink_to(KEPT);
                    waiting.idle = true;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Puts a command back, before all others.
    pub(crate) fn put_back(&mut self, envelope: Envelope) {
        self.0.lock().commands.push_front(envelope);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().commands.is_empty()
    }

    /// Answers everything that waits now with one error.
    pub(crate) fn fail_waiting(&mut self, error: &CallError) {
        // Taken out first: answering is not for the time of the lock.
        let waiting = std::mem::take(&mut self.0.lock().commands);
        for envelope in waiting {
            envelope.respond.send(Err(error.clone()));
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        let commands = std::mem::take(&mut waiting.commands);
        drop(waiting);
        // Without an entity there is no answer; their callers are told so where they wait.
        drop(commands);
    }
}
