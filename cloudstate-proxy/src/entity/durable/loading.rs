//! What loading an entity has in common for every kind: what can go wrong, and that the user function only listens.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::timeout;
use tonic::Code;

use super::{Heard, Kind, Loaded};
use crate::{
    call::CallError,
    store::{EntityRef, StoreError},
    user_function::{Connection, UserFunctionError},
};

/// Whether loading starts from the newest snapshot or from the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Snapshot {
    Use,
    Skip,
}

/// Why an entity could not be loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    SnapshotRefused,
    Failed(LoadFailure),
}

#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LoadFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    UserFunction(#[from] UserFunctionError),
    #[error("the user function refuses what is stored: {0}")]
    Refused(String),
    #[error(
        "the user function did not take what is stored within {0:?} (CLOUDSTATE_COMMAND_TIMEOUT)"
    )]
    TooSlow(Duration),
}

impl LoadFailure {
    /// `refused` is what callers read where the user function is at fault.
    pub(super) fn into_call_error(self, refused: &str) -> CallError {
        match self {
            Self::Store(error) => error.into(),
            Self::UserFunction(error) => error.into(),
            Self::Refused(_) => CallError::new(Code::Unknown, refused),
            Self::TooSlow(_) => CallError::new(Code::DeadlineExceeded, self.to_string()),
        }
    }
}

impl<E: Into<LoadFailure>> From<E> for LoadError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An entity that is being told what is stored of it.
pub(crate) struct Loading<'a, K: Kind> {
    entity: &'a Arc<EntityRef>,
    connection: Connection<K::In, K::Out>,
    /// What is told includes a snapshot.
    with_snapshot: bool,
    /// How long it may take over one thing that it is told.
    patience: Duration,
}

impl<'a, K: Kind> Loading<'a, K> {
    pub(crate) fn new(
        entity: &'a Arc<EntityRef>,
        connection: Connection<K::In, K::Out>,
        with_snapshot: bool,
        patience: Duration,
    ) -> Self {
        Self {
            entity,
            connection,
            with_snapshot,
            patience,
        }
    }

    /// Says the next thing, as fast as the user function listens.
    pub(crate) async fn tell(&mut self, message: K::In) -> Result<(), LoadError> {
        match timeout(self.patience, self.connection.feed(message)).await {
            Ok(Ok(())) => Ok(()),
            Err(_) => Err(LoadFailure::TooSlow(self.patience).into()),
            Ok(Err(error)) => {
                // Why it ended says more than that it ended.
                self.heard_nothing()?;
                Err(error.into())
            }
        }
    }

    /// Everything has been told.
    pub(crate) async fn done(mut self, kind: K) -> Result<Loaded<K>, LoadError> {
        let flushed = timeout(self.patience, self.connection.flush()).await;
        flushed.map_err(|_| LoadFailure::TooSlow(self.patience))??;
        self.heard_nothing()?;
        Ok(Loaded {
            kind,
            connection: self.connection,
            last_command: 0,
            snapshot_on_trial: self.with_snapshot,
        })
    }

    /// A user function has nothing to say while it is loaded, unless it cannot go on.
    fn heard_nothing(&mut self) -> Result<(), LoadError> {
        let description = match self.connection.next().now_or_never() {
            None => return Ok(()),
            Some(None) => "the stream ended".into(),
            Some(Some(Err(error))) => return Err(error.into()),
            Some(Some(Ok(message))) => match K::heard(message) {
                Heard::Failure(failure) => failure.description,
                Heard::Reply(_) | Heard::Nothing => {
                    "it replied although it was asked nothing".into()
                }
            },
        };
        if self.with_snapshot {
            tracing::warn!(entity = %self.entity.key(), %description, "loading from the snapshot failed");
            return Err(LoadError::SnapshotRefused);
        }
        Err(LoadFailure::Refused(description).into())
    }
}
