//! How an activation ends: idle, deleted, given up, or at odds with the store.

use futures_util::stream;

use super::{End, activation::Activation, deletion::entity_deleted};
use crate::{call::CallError, entity::closing, store::StoreError};

/// Why an activation is over, and what is still to be done.
#[derive(Debug)]
pub(super) enum Ending {
    /// Nothing happened for a while.
    Idle,
    /// The process is stopping and this entity has finished.
    Stopped,
    /// The user function has completed its stream after it deleted the entity, or has had its time to.
    Buried,
    /// The stream is of no use any more: whoever still waits gets this error.
    GiveUp {
        error: CallError,
        changes: Changes,
        /// What the user function is told that it did wrong.
        report: Option<String>,
    },
    /// The store refused a write: the copy in memory is ahead of it.
    Lost(StoreError),
}

/// What becomes of changes that no write holds yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    Keep,
    Drop,
}

impl Activation<'_> {
    /// Does what is left to do.
    pub(super) async fn end(&mut self, ending: Ending) -> End {
        match ending {
            Ending::Idle => {
                self.close().await;
                End::Idle
            }
            Ending::Stopped => {
                self.close().await;
                End::Stopped
            }
            Ending::Buried => match self.settle(Changes::Keep).await {
                Ok(()) => {
                    self.fail(&entity_deleted());
                    End::Deleted
                }
                Err(error) => self.lost(error),
            },
            Ending::GiveUp {
                error,
                changes,
                report,
            } => {
                if let Some(report) = report {
                    self.report(&report);
                }
                if let Err(error) = self.settle(changes).await {
                    return self.lost(error);
                }
                self.fail(&error);
                End::Reload
            }
            Ending::Lost(error) => self.lost(error),
        }
    }

    /// Tells the operator and the user function what it did wrong.
    pub(super) fn report(&self, what: &str) {
        let report = format!("entity {}: {what}", self.key);
        self.host.live.report(&self.host.user_function, report);
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

    fn lost(&mut self, error: StoreError) -> End {
        tracing::error!(entity = %self.key, %error, "the entity could not be stored");
        self.fail(&error.into());
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
    async fn close(&mut self) {
        self.exchange.close();
        let (key, exchange) = (self.key, &mut self.exchange);
        closing::close(
            key,
            closing::hear_out(key, stream::poll_fn(|cx| exchange.poll_next(cx))),
        )
        .await;
    }
}
