//! Loads an entity: newest snapshot, then the events after it, page by page as fast as the user function takes them.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::eventsourced::{
    EventSourcedEvent, EventSourcedInit, EventSourcedSnapshot, EventSourcedStreamIn,
    EventSourcedStreamOut, event_sourced_stream_in::Message as In,
    event_sourced_stream_out::Message as Out,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tonic::Code;

use super::{
    EventSourcedHost,
    activation::{Activation, ENTITY_FAILURE},
};
use crate::{
    call::CallError,
    store::{EntityRef, StoreError},
    user_function::UserFunctionError,
};

/// Events read from the journal at a time, which bounds what a long replay holds in memory.
const PAGE: usize = 1024;

/// Whether loading starts from the newest snapshot or from the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Snapshot {
    Use,
    Skip,
}

/// Why an entity could not be loaded.
#[derive(Debug)]
pub(super) enum LoadError {
    SnapshotRefused,
    Failed(LoadFailure),
}

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum LoadFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    UserFunction(#[from] UserFunctionError),
    #[error("the user function refuses the stored events: {0}")]
    Refused(String),
}

impl From<LoadFailure> for CallError {
    fn from(failure: LoadFailure) -> Self {
        match failure {
            LoadFailure::Store(error) => error.into(),
            LoadFailure::UserFunction(error) => error.into(),
            LoadFailure::Refused(_) => Self::new(Code::Unknown, ENTITY_FAILURE),
        }
    }
}

impl<E: Into<LoadFailure>> From<E> for LoadError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<'a> Activation<'a> {
    /// Opens a stream and brings the user function up to the last stored event, page by page.
    pub(super) async fn load(
        host: &'a EventSourcedHost,
        entity: &'a Arc<EntityRef>,
        snapshot: Snapshot,
    ) -> Result<Self, LoadError> {
        let stored = match snapshot {
            Snapshot::Use => host.store.latest_snapshot(entity).await?,
            Snapshot::Skip => None,
        };
        let mut sequence = stored.as_ref().map_or(0, |stored| stored.sequence);
        let connection = host.user_function.event_sourced().await?;
        let mut activation = Self::new(host, entity, connection, stored.is_some());
        let init = EventSourcedInit {
            service_name: host.live.service.name.clone(),
            entity_id: entity.key().entity_id.to_string(),
            snapshot: stored.map(|stored| EventSourcedSnapshot {
                snapshot_sequence: to_wire(stored.sequence),
                snapshot: Some(stored.payload),
            }),
        };
        activation.replay(In::Init(init)).await?;
        loop {
            let page = host.store.events(entity, sequence, PAGE).await?;
            let Some(last) = page.last() else { break };
            sequence = last.sequence;
            for event in page {
                let event = EventSourcedEvent {
                    sequence: to_wire(event.sequence),
                    payload: Some(event.payload),
                };
                activation.replay(In::Event(event)).await?;
            }
        }
        activation.connection.flush().await?;
        activation.heard_while_loading()?;
        activation.loaded(sequence);
        Ok(activation)
    }

    async fn replay(&mut self, message: In) -> Result<(), LoadError> {
        match self
            .connection
            .feed(EventSourcedStreamIn {
                message: Some(message),
            })
            .await
        {
            Ok(()) => Ok(()),
            Err(error) => {
                // Why it ended says more than that it ended.
                self.heard_while_loading()?;
                Err(error.into())
            }
        }
    }

    /// A user function has nothing to say while it is loaded, unless it cannot go on.
    fn heard_while_loading(&mut self) -> Result<(), LoadError> {
        let description = match self.connection.next().now_or_never() {
            None => return Ok(()),
            Some(None) => "the stream ended".into(),
            Some(Some(Err(error))) => return Err(error.into()),
            Some(Some(Ok(EventSourcedStreamOut { message }))) => match message {
                Some(Out::Failure(failure)) => failure.description,
                Some(Out::Reply(_)) | None => "it replied although it was asked nothing".into(),
            },
        };
        if self.snapshot_on_trial {
            tracing::warn!(entity = %self.entity.key(), %description, "loading from the snapshot failed");
            return Err(LoadError::SnapshotRefused);
        }
        Err(LoadFailure::Refused(description).into())
    }
}

/// Sequence numbers are `int64` in the protocol.
fn to_wire(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
