//! How far a subscription has come: a value in the store, beside the entities'.

use std::sync::Arc;

use cloudstate_protocol::Any;

use crate::{
    catalog::Subscription,
    store::{EntityKey, EntityRef, Put, Store, StoreError},
};

/// Where positions are kept. No entity type has a persistence id with a `|` in it.
const PERSISTENCE_ID: &str = "cloudstate|subscription";

/// A position in the journal that is remembered.
#[derive(Debug)]
pub(super) struct Position {
    entity: Arc<EntityRef>,
    revision: u64,
    stored: u64,
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
            .and_then(|position| u64::try_from(position).ok());
        Ok(Self {
            entity,
            revision: found.revision,
            stored: stored.unwrap_or(0),
        })
    }

    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Remembers a position.
    pub(super) async fn store(
        &mut self,
        store: &dyn Store,
        position: u64,
    ) -> Result<(), StoreError> {
        let number = i64::try_from(position).unwrap_or(i64::MAX);
        let put = Put {
            entity: Arc::clone(&self.entity),
            after: self.revision,
            value: Some(Any::primitive(&number)),
        };
        self.revision = store.put(put).await?;
        self.stored = position;
        Ok(())
    }
}
