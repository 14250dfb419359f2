//! How far a subscription has come: a value in the store, beside the entities'.

use std::{sync::Arc, time::Duration};

use cloudstate_protocol::Any;
use tokio::time::Instant;

use crate::{
    catalog::Subscription,
    store::{EntityKey, EntityRef, Put, Store, StoreError},
};

/// Where positions are kept. No entity type has a persistence id with a `|` in it.
const PERSISTENCE_ID: &str = "cloudstate|subscription";

/// How many events, and for how long, a subscription may be ahead of the position that is stored. After a crash it gets
/// them again.
const AHEAD: (u64, Duration) = (256, Duration::from_secs(1));

/// Where a subscription is in the journal, and what of that is stored.
#[derive(Debug)]
pub(super) struct Position {
    entity: Arc<EntityRef>,
    revision: u64,
    at: u64,
    stored: u64,
    /// Since when the two are not the same.
    ahead_since: Option<Instant>,
    /// Not before then is it stored again.
    next_attempt: Option<Instant>,
}

impl Position {
    /// Reads the position of a subscription: that of the last event that it has handled, 0 where it has handled none.
    pub(super) async fn load(
        store: &dyn Store,
        subscription: &Subscription,
    ) -> Result<Self, StoreError> {
        let Subscription {
            group, event_log, ..
        } = subscription;
        let entity = Arc::new(EntityRef::new(EntityKey {
            persistence_id: PERSISTENCE_ID.into(),
            entity_id: format!("{group}|{event_log}").into(),
        }));
        let found = store.value(&entity).await?;
        let stored = found
            .payload
            .and_then(|payload| payload.to_primitive::<i64>().ok())
            .and_then(|position| u64::try_from(position).ok())
            .unwrap_or(0);
        Ok(Self {
            entity,
            revision: found.revision,
            at: stored,
            stored,
            ahead_since: None,
            next_attempt: None,
        })
    }

    /// The last event that has been dealt with.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Everything up to this event has been dealt with.
    pub(super) fn reached(&mut self, at: u64) {
        self.at = at;
        self.ahead_since.get_or_insert_with(Instant::now);
    }

    /// When the position is to be stored; `None` while it is.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.ahead_since?;
        let is_far = self.at - self.stored >= AHEAD.0;
        let due = if is_far { since } else { since + AHEAD.1 };
        Some(self.next_attempt.map_or(due, |attempt| attempt.max(due)))
    }

    /// Stores where the subscription is.
    pub(super) async fn store(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let at = self.at;
        let put = Put {
            entity: Arc::clone(&self.entity),
            after: self.revision,
            value: Some(Any::primitive(&i64::try_from(at).unwrap_or(i64::MAX))),
        };
        match store.put(put).await {
            Ok(revision) => {
                self.revision = revision;
                self.stored = at;
                (self.ahead_since, self.next_attempt) = (None, None);
                Ok(())
            }
            Err(error) => {
                self.next_attempt = Some(Instant::now() + AHEAD.1);
                if let StoreError::Conflict { actual, .. } = &error {
                    self.revision = *actual;
                }
                Err(error)
            }
        }
    }
}
