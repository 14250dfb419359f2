//! The commands that wait for one entity.

use tokio::sync::mpsc;

use super::Envelope;
use crate::call::CallError;

/// A bounded mailbox, and a place before it for a command that has to be handled again.
#[derive(Debug)]
pub(crate) struct Inbox {
    first: Option<Envelope>,
    mailbox: mpsc::Receiver<Envelope>,
}

impl Inbox {
    pub(crate) fn new(first: Envelope, mailbox: mpsc::Receiver<Envelope>) -> Self {
        Self {
            first: Some(first),
            mailbox,
        }
    }

    /// The next command whose caller still waits; `None` when there can be no more.
    ///
    /// A caller that has gone away before its command began cannot tell whether it ran, so it does not.
    pub(crate) async fn next(&mut self) -> Option<Envelope> {
        loop {
            let envelope = match self.first.take() {
                Some(envelope) => envelope,
                None => self.mailbox.recv().await?,
            };
            if !envelope.respond.is_abandoned() {
                return Some(envelope);
            }
        }
    }

    /// Puts a command back, before all others.
    pub(crate) fn put_back(&mut self, envelope: Envelope) {
        debug_assert!(self.first.is_none(), "at most one command runs at a time");
        self.first = Some(envelope);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.mailbox.is_empty()
    }

    /// Answers everything that waits now with one error.
    pub(crate) fn fail_waiting(&mut self, error: &CallError) {
        if let Some(envelope) = self.first.take() {
            envelope.respond.send(Err(error.clone()));
        }
        while let Ok(envelope) = self.mailbox.try_recv() {
            envelope.respond.send(Err(error.clone()));
        }
    }
}
