//! How an activation ends: idle, deleted, given up, or at odds with the store.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::Code;

use super::{End, activation::Activation, deletion::entity_deleted};
use crate::{call::CallError, store::StoreError, user_function::UserFunctionError};

/// How long a user function may take to complete a stream that the proxy has half-closed.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What becomes of changes that no write holds yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Changes {
    Keep,
    Drop,
}

impl Activation<'_> {
    /// Sees whether the entity has been idle, or something in progress, for too long; otherwise sets the timer anew.
    pub(super) async fn tick(&mut self, last_used: Instant) -> Option<End> {
        let now = Instant::now();
        let limits = self.host.limits;
        let running = self.running.values().map(|running| running.since);
        let oldest = running
            .chain(self.cancelled.values().map(|cancelled| cancelled.since))
            .min();
        let due = match (self.deleted, oldest) {
            (Some(deleted), _) => deleted + CLOSE_TIMEOUT,
            (None, Some(oldest)) => oldest + limits.command_timeout,
            (None, None) if self.is_quiet() => last_used + limits.passivate_after,
            // Somebody listens, or waits for the store.
            (None, None) => now + limits.passivate_after,
        };
        if due > now {
            self.timer.as_mut().reset(due);
            return None;
        }
        if self.is_deleted() {
            tracing::warn!(entity = %self.key, "the user function did not complete its stream within {CLOSE_TIMEOUT:?}");
            return Some(self.buried().await);
        }
        if oldest.is_none() {
            return Some(End::Idle);
        }
        let limit = limits.command_timeout;
        tracing::error!(entity = %self.key, ?limit, "the user function took too long over a command");
        let text =
            format!("the entity did not answer within {limit:?} (CLOUDSTATE_COMMAND_TIMEOUT)");
        let error = CallError::new(Code::DeadlineExceeded, text);
        Some(self.give_up(&error).await)
    }

    /// The deletion becomes durable; then whoever still waits hears of it.
    pub(super) async fn buried(&mut self) -> End {
        match self.settle(Changes::Keep).await {
            Ok(()) => {
                self.fail(&entity_deleted());
                End::Deleted
            }
            Err(error) => self.lost(&error),
        }
    }

    /// Lets what was accepted become durable and answers it; then whoever still waits gets the error.
    pub(super) async fn give_up(&mut self, error: &CallError) -> End {
        self.end(Changes::Keep, error).await
    }

    /// Like [`give_up`](Self::give_up), where the copy in memory is broken: what is not on its way to the store is lost.
    pub(super) async fn give_up_changes(&mut self, error: &CallError) -> End {
        self.end(Changes::Drop, error).await
    }

    async fn end(&mut self, changes: Changes, error: &CallError) -> End {
        match self.settle(changes).await {
            Ok(()) => {
                self.fail(error);
                End::Reload
            }
            Err(error) => self.lost(&error),
        }
    }

    /// Waits for the store until everything that is durable has left.
    async fn settle(&mut self, changes: Changes) -> Result<(), StoreError> {
        loop {
            if changes == Changes::Keep {
                self.write();
            }
            while let Some(parcel) = self.outbox.next_ready() {
                self.dispatch(parcel);
            }
            if !self.outbox.is_writing() {
                return Ok(());
            }
            self.outbox.written().await?;
        }
    }

    /// The store refused a write: the copy in memory is ahead of it.
    pub(super) fn lost(&mut self, error: &StoreError) -> End {
        tracing::error!(entity = %self.key, %error, "the entity could not be stored");
        self.fail(&error.clone().into());
        End::Reload
    }

    /// Answers everybody with an error.
    fn fail(&mut self, error: &CallError) {
        self.outbox.fail(error);
        for (_, running) in std::mem::take(&mut self.running) {
            running.respond.send(Err(error.clone()));
        }
        // The activation ends, and there is no user function left to be told.
        self.listeners.fail_all(error);
    }

    /// Half-closes the stream and waits for the user function to complete it.
    pub(super) async fn close(&mut self) {
        self.exchange.close();
        let key = self.key;
        let completed = timeout(CLOSE_TIMEOUT, async {
            while let Some(message) = self.exchange.next().await {
                message?;
                tracing::warn!(entity = %key, "the user function sent a message after its stream was closed");
            }
            Ok::<_, UserFunctionError>(())
        });
        match completed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(entity = %key, %error, "the stream did not end in good order");
            }
            Err(_) => {
                tracing::warn!(entity = %key, "the user function did not complete its stream within {CLOSE_TIMEOUT:?}");
            }
        }
    }
}
