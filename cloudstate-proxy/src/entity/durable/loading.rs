//! What loading an entity has in common for every kind: what can go wrong, and that the user function only listens.

use std::sync::Arc;

use futures_util::{FutureExt, SinkExt, StreamExt};
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
}

impl LoadFailure {
    /// `refused` is what callers read where the user function is at fault.
    pub(super) fn into_call_error(self, refused: &str) -> CallError {
        match self {
            Self::Store(error) => error.into(),
            Self::UserFunction(error) => error.into(),
            Self::Refused(_) => CallError::new(Code::Unknown, refused),
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
}

impl<'a, K: Kind> Loading<'a, K> {
    pub(crate) fn new(
        entity: &'a Arc<EntityRef>,
        connection: Connection<K::In, K::Out>,
        with_snapshot: bool,
    ) -> Self {
        Self {
            entity,
            connection,
            with_snapshot,
        }
    }

    /// Says the next thing, as fast as the user function listens.
    pub(crate) async fn tell(&mut self, message: K::In) -> Result<(), LoadError> {
        match self.connection.feed(message).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Why it ended says more than that it ended.
                self.heard_nothing()?;
                Err(error.into())
            }
        }
    }

    /// Everything has been told.
    pub(crate) async fn done(mut self, kind: K) -> Result<Loaded<K>, LoadError> {
        self.connection.flush().await?;
        self.heard_nothing()?;
        Ok(Loaded {
            kind,
            connection: self.connection,
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
