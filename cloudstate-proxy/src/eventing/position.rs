//! How far a subscription has come: a value in the store, beside the entities'.

use std::{sync::Arc, time::Duration};

use cloudstate_protocol::Any;
use tokio::time::Instant;

use crate::{
    catalog::{Source, Subscription},
    store::{Change, EntityKey, EntityRef, Put, Store, StoreError},
};

/// Where positions in the journal are kept, and where those in topics. No entity type has such a persistence id.
const IN_JOURNAL: &str = "cloudstate|subscription";
const IN_TOPIC: &str = "cloudstate|topic-subscription";

/// How many events, and for how long, a subscription may be ahead of the position that is stored. After a crash it gets
/// them again.
const AHEAD: (u64, Duration) = (256, Duration::from_secs(1));

/// Where a subscription is in what it reads, and what of that is stored.
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
    /// Reads the position of a subscription: that of the last message that it has handled, 0 where it has handled none.
    pub(super) async fn load(
        store: &dyn Store,
        subscription: &Subscription,
    ) -> Result<Self, StoreError> {
        let (persistence_id, name) = match &subscription.source {
            Source::EventLog(name) => (IN_JOURNAL, &**name),
            Source::Topic(topic) => (IN_TOPIC, &**topic.name()),
        };
        let entity = Arc::new(EntityRef::new(EntityKey {
            persistence_id: persistence_id.into(),
            entity_id: format!("{}|{name}", subscription.group).into(),
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

    /// The last message that has been dealt with.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Everything up to this message has been dealt with.
    pub(super) fn reached(&mut self, at: u64) {
        if at > self.at {
            self.at = at;
            self.ahead_since.get_or_insert_with(Instant::now);
        }
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
        let put = self.put(self.at);
        let result = store.put(put).await;
        self.stored(self.at, result)
    }

    /// What stores that everything up to this message has been dealt with.
    pub(super) fn put(&self, at: u64) -> Put {
        Put {
            entity: Arc::clone(&self.entity),
            after: self.revision,
            change: Change::Whole(Any::primitive(&i64::try_from(at).unwrap_or(i64::MAX))),
        }
    }

    /// What has become of a [`put`](Self::put).
    pub(super) fn stored(
        &mut self,
        at: u64,
        result: Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        match result {
            Ok(revision) => {
                self.revision = revision;
                (self.at, self.stored) = (at, at);
                (self.ahead_since, self.next_attempt) = (None, None);
                Ok(())
            }
            Err(error) => {
                self.next_attempt = Some(Instant::now() + AHEAD.1);
                if let StoreError::Conflict { entity, actual, .. } = &error
                    && entity == self.entity.key()
                {
                    self.revision = *actual;
                }
                Err(error)
            }
        }
    }
}
