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
const KEPT: usize = 4;

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

/// A bounded mailbox, and a place before it for a command that has to be handled again.
#[derive(Debug)]
pub(crate) struct Inbox {
    first: Option<Envelope>,
    mailbox: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    entity: AtomicWaker,
    limit: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    commands: VecDeque<Envelope>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that holds the lock can leave it half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Puts a command behind those that wait.
    pub(crate) fn send(&self, envelope: Envelope) -> Result<(), Rejected> {
        let mut waiting = self.0.lock();
        if waiting.closed {
            return Err(Rejected::Closed(envelope));
        }
        if waiting.commands.len() >= self.0.limit {
            return Err(Rejected::Full(envelope));
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
    pub(crate) fn new(first: Envelope, limit: usize) -> (Mailbox, Self) {
        let mailbox = Arc::new(Shared {
            waiting: Mutex::default(),
            entity: AtomicWaker::new(),
            limit,
        });
        let inbox = Self {
            first: Some(first),
            mailbox: Arc::clone(&mailbox),
        };
        (Mailbox(mailbox), inbox)
    }

    /// The next command whose caller still waits.
    ///
    /// A caller that has gone away before its command began cannot tell whether it ran, so it does not.
    pub(crate) async fn next(&mut self) -> Envelope {
        loop {
            let envelope = match self.first.take() {
                Some(envelope) => envelope,
                None => self.receive().await,
            };
            if !envelope.respond.is_abandoned() {
                return envelope;
            }
        }
    }

    async fn receive(&self) -> Envelope {
        poll_fn(|cx| {
            if let Some(envelope) = self.mailbox.lock().commands.pop_front() {
                return Poll::Ready(envelope);
            }
            self.mailbox.entity.register(cx.waker());
            // A command may have come before the waker was known.
            let mut waiting = self.mailbox.lock();
            match waiting.commands.pop_front() {
                Some(envelope) => Poll::Ready(envelope),
                None => {
                    waiting.commands.shrink_to(KEPT);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Puts a command back, before all others.
    pub(crate) fn put_back(&mut self, envelope: Envelope) {
        debug_assert!(self.first.is_none(), "at most one command runs at a time");
        self.first = Some(envelope);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.mailbox.lock().commands.is_empty()
    }

    /// Answers everything that waits now with one error.
    pub(crate) fn fail_waiting(&mut self, error: &CallError) {
        if let Some(envelope) = self.first.take() {
            envelope.respond.send(Err(error.clone()));
        }
        // Taken out first: answering is not for the time of the lock.
        let waiting = std::mem::take(&mut self.mailbox.lock().commands);
        for envelope in waiting {
            envelope.respond.send(Err(error.clone()));
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut waiting = self.mailbox.lock();
        waiting.closed = true;
        let commands = std::mem::take(&mut waiting.commands);
        drop(waiting);
        // Without an entity there is no answer; their callers are told so where they wait.
        drop(commands);
    }
}
