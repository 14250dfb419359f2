//! Topics: named logs of messages, which methods publish to and subscribe to.
//!
//! A topic is a log in the store, so that what is published can be stored together with the change that it tells of:
//! there is no moment at which one is durable and the other is not, and nothing that would have to be sent again after a
//! crash. Every engine of the store carries topics.

mod message;

use std::{fmt, sync::Arc};

use bytestring::ByteString;

use crate::store::{EntityKey, EntityRef, Extend, Store, StoreError, Write};

pub(crate) use message::{Message, Origin};

/// Where the logs of topics are kept. Persistence ids of entity types do not begin like this.
const PERSISTENCE_ID: &str = "cloudstate|topic";

/// One topic, by its name.
#[derive(Debug)]
pub struct Topic {
    log: Arc<EntityRef>,
}

/// A message and its number in its topic, from 1 without gaps.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) number: u64,
    pub(crate) message: Message,
}

impl Topic {
    pub(crate) fn new(name: ByteString) -> Self {
        let key = EntityKey {
            persistence_id: PERSISTENCE_ID.into(),
            entity_id: name,
        };
        Self {
            log: Arc::new(EntityRef::new(key)),
        }
    }

    /// Its name.
    pub fn name(&self) -> &ByteString {
        &self.log.key().entity_id
    }

    /// What publishes a message, to be stored together with the change that it tells of.
    pub(crate) fn publication(&self, message: &Message) -> Write {
        Write::Extend(Extend {
            entity: Arc::clone(&self.log),
            events: vec![message.to_stored()],
        })
    }

    /// Publishes a message that tells of no change. It has been published once it is durable.
    pub(crate) async fn publish(
        &self,
        store: &dyn Store,
        message: &Message,
    ) -> Result<(), StoreError> {
        store.write(vec![self.publication(message)]).await.map(drop)
    }

    /// The messages whose number is greater than `after`, oldest first, at most `limit` of them; none if there are no
    /// more.
    pub(crate) async fn messages(
        &self,
        store: &dyn Store,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Published>, StoreError> {
        let stored = store.events(&self.log, after, limit).await?;
        let published = stored.into_iter().map(|stored| Published {
            number: stored.sequence,
            message: Message::from_stored(stored.payload),
        });
        Ok(published.collect())
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}
