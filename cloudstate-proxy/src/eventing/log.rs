//! What a subscription reads: the events of an entity type, or a topic.

use std::sync::Arc;

use cloudstate_protocol::{Any, cloudstate::Metadata};

use super::cloud_event;
use crate::{
    catalog::Source,
    store::{JournalEntry, Store, StoreError},
    topics::{Published, Topic},
};

/// Entries read at a time.
const PAGE: usize = 256;

/// A message for a method.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    /// Its place in what is read.
    pub(super) position: u64,
    pub(super) payload: Any,
    /// The attributes of its CloudEvent.
    pub(super) metadata: Metadata,
}

/// Messages, and how far they reach: behind the last of them there may have been others, for other subscriptions.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) messages: Vec<Incoming>,
    pub(super) reached: u64,
}

/// Reads one source.
#[derive(Debug)]
pub(super) struct Log {
    store: Arc<dyn Store>,
    source: Source,
}

impl Log {
    pub(super) fn new(store: Arc<dyn Store>, source: Source) -> Self {
        Self { store, source }
    }

    /// Whether nothing can be behind this position while the journal's last is `grown`.
    pub(super) fn ends_at(&self, position: u64, grown: u64) -> bool {
        match &self.source {
            Source::EventLog(_) => grown <= position,
            // It has numbers of its own.
            Source::Topic(_) => false,
        }
    }

    /// What is behind a position; `None` if nothing is.
    pub(super) async fn read(&self, after: u64) -> Result<Option<Page>, StoreError> {
        match &self.source {
            Source::EventLog(name) => {
                let entries = self.store.journal(after, PAGE).await?;
                let Some(last) = entries.last() else {
                    return Ok(None);
                };
                let reached = last.position;
                let messages = entries
                    .into_iter()
                    .filter(|entry| entry.entity.persistence_id == *name)
                    .map(event)
                    .collect();
                Ok(Some(Page { messages, reached }))
            }
            Source::Topic(topic) => {
                let published = topic.messages(&*self.store, after, PAGE).await?;
                let Some(last) = published.last() else {
                    return Ok(None);
                };
                let reached = last.number;
                let messages = published
                    .into_iter()
                    .map(|published| message(topic, published))
                    .collect();
                Ok(Some(Page { messages, reached }))
            }
        }
    }
}

fn event(entry: JournalEntry) -> Incoming {
    Incoming {
        position: entry.position,
        metadata: cloud_event::metadata(&entry),
        payload: entry.payload,
    }
}

fn message(topic: &Topic, Published { number, message }: Published) -> Incoming {
    Incoming {
        position: number,
        metadata: message.metadata(topic, number),
        payload: message.payload,
    }
}
