//! What subscriptions have given up on: kept in the store, each as a value, until somebody has it handled or discards it.

use std::{
    num::NonZeroUsize,
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use prost::DecodeError;
use prost_reflect::DescriptorPool;

use super::{
    kept::Kept,
    letter::{DeadLetter, LetterSource},
    position::Position,
    subscriber::{Failed, Subscriber},
};
use crate::{
    call::CallError,
    store::{Change, EntityKey, EntityRef, EntityValue, Put, Store, StoreError, Write},
};

/// Where dead letters are kept. No entity type has such a persistence id.
const PERSISTENCE_ID: &str = "cloudstate|dead-letter";

/// The dead letters of one store.
#[derive(Debug)]
pub struct DeadLetters {
    store: Arc<dyn Store>,
    persistence_id: Arc<str>,
    /// Those of the catalog that is served.
    subscribers: RwLock<Vec<Arc<Subscriber>>>,
    /// How many there are. Whoever adds or removes one holds it meanwhile.
    kept: tokio::sync::Mutex<Kept>,
}

/// What became of a dead letter that was tried once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It has been handled, and is one no more.
    Handled,
    /// It could not be handled this time either, for this reason, and stays.
    Failed(String),
}

/// Why a dead letter cannot be read, tried or discarded.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterError {
    /// There is none of this id, or not any more.
    #[error("there is no dead letter `{0}`")]
    NotFound(String),
    /// It was about a subscription that is not there any more.
    #[error(
        "group `{group}` does not read {source_name} any more, so that nobody can be asked to handle `{id}`"
    )]
    NoSubscriber {
        /// Of the letter.
        id: String,
        /// Its group.
        group: String,
        /// What the group read.
        source_name: String,
    },
    /// It is not the message's fault: trying again makes sense.
    #[error("it could not be tried: {0}")]
    Trouble(#[from] CallError),
    /// The store is in trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not a dead letter.
    #[error("dead letter `{id}` cannot be read: {reason}")]
    Unreadable {
        /// Of the letter.
        id: String,
        /// Why.
        reason: DecodeError,
    },
}

impl DeadLetters {
    /// Those of a store, so many of each group and source at most. Nobody can be asked to handle one yet.
    pub(crate) fn new(store: Arc<dyn Store>, limit: NonZeroUsize) -> Self {
        let persistence_id: Arc<str> = PERSISTENCE_ID.into();
        let kept = Kept::new(Arc::clone(&store), Arc::clone(&persistence_id), limit);
        Self {
            store,
            persistence_id,
            subscribers: RwLock::default(),
            kept: tokio::sync::Mutex::new(kept),
        }
    }

    /// From now on these are asked, and no others.
    pub(super) fn may_ask(&self, subscribers: Vec<Arc<Subscriber>>) {
        let current = self.subscribers.write();
        *current.unwrap_or_else(PoisonError::into_inner) = subscribers;
    }

    /// The dead letters whose id is greater than `after`, in the order of their ids, at most `limit` of them; none if
    /// there are no more. `group` leaves out those of other groups.
    ///
    /// # Errors
    /// The store is in trouble, or one cannot be read.
    pub async fn list(
        &self,
        group: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let mut after = after.to_owned();
        let mut letters = Vec::new();
        while letters.len() < limit {
            let wanted = limit - letters.len();
            let page = self
                .store
                .values(&self.persistence_id, &after, wanted)
                .await?;
            let Some(last) = page.last() else { break };
            after = last.entity.entity_id.to_string();
            for EntityValue {
                entity, payload, ..
            } in page
            {
                let id = &entity.entity_id;
                let letter = DeadLetter::from_stored(id, &payload)
                    .map_err(|reason| unreadable(id, reason))?;
                if group.is_none_or(|group| group == letter.group) {
                    letters.push(letter);
                }
            }
        }
        Ok(letters)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// There is none of this id, it cannot be read, or the store is in trouble.
    pub async fn get(&self, id: &str) -> Result<DeadLetter, DeadLetterError> {
        self.find(id).await.map(|found| found.letter)
    }

    /// Has a dead letter's message handled once more, out of its order, by the group that gave up on it.
    ///
    /// If the process ends before the letter is removed, it may be handled again.
    ///
    /// # Errors
    /// There is none of this id, or it could not even be tried.
    pub async fn replay(&self, id: &str) -> Result<Replayed, DeadLetterError> {
        let found = self.find(id).await?;
        let subscriber = self.subscriber(&found.letter)?;
        let DeadLetter {
            payload, metadata, ..
        } = &found.letter;
        match subscriber.deliver(payload, metadata).await {
            Ok(()) => {
                self.put(&found, None).await?;
                tracing::info!(dead_letter = id, "a dead letter has been handled");
                Ok(Replayed::Handled)
            }
            Err(Failed::Trouble(error)) => Err(error.into()),
            Err(failed) => {
                let letter = DeadLetter {
                    reason: failed.reason().to_owned(),
                    attempts: found.letter.attempts.saturating_add(1),
                    time: SystemTime::now(),
                    ..found.letter.clone()
                };
                self.put(&found, Some(&letter)).await?;
                Ok(Replayed::Failed(letter.reason))
            }
        }
    }

    /// Removes a dead letter without handling it.
    ///
    /// # Errors
    /// There is none of this id, or the store is in trouble.
    pub async fn discard(&self, id: &str) -> Result<(), DeadLetterError> {
        let found = self.find(id).await?;
        self.put(&found, None).await
    }

    /// What is known of the messages in the letters; nothing where nobody is subscribed to anything.
    pub(crate) fn descriptors(&self) -> Option<DescriptorPool> {
        let current = self.subscribers.read();
        let current = current.unwrap_or_else(PoisonError::into_inner);
        Some(current.first()?.descriptors().clone())
    }

    /// Keeps a letter, discards the oldest of the same group and source where too many are kept, and stores that the
    /// subscription has come past the letter's message, all together. Says how many were discarded.
    pub(super) async fn bury(
        &self,
        letter: &DeadLetter,
        position: &mut Position,
    ) -> Result<usize, StoreError> {
        let mut kept = self.kept.lock().await;
        let entity = self.entity(&letter.id);
        // There is one already if the position was lost after it.
        let found = self.store.value(&entity).await?;
        let is_new = found.payload.is_none();
        let surplus = kept.surplus(&letter.id, is_new).await?;
        let discarded = surplus.len();
        let mut writes = vec![
            Write::Put(position.put(letter.place)),
            Write::Put(Put {
                entity,
                after: found.revision,
                change: Change::Whole(letter.to_stored()),
            }),
        ];
        writes.extend(surplus.into_iter().map(|old| {
            Write::Put(Put {
                entity: self.entity(&old.entity.entity_id),
                after: old.revision,
                change: Change::Delete,
            })
        }));
        let result = self.store.write(writes).await;
        if result.is_ok() {
            kept.changed(&letter.id, usize::from(is_new), discarded);
        }
        position.stored(letter.place, result)?;
        Ok(discarded)
    }

    fn subscriber(&self, letter: &DeadLetter) -> Result<Arc<Subscriber>, DeadLetterError> {
        let is_its = |subscriber: &&Arc<Subscriber>| {
            let subscription = subscriber.subscription();
            subscription.group == letter.group
                && LetterSource::from(&subscription.source) == letter.source
        };
        let current = self.subscribers.read();
        let current = current.unwrap_or_else(PoisonError::into_inner);
        match current.iter().find(is_its) {
            Some(subscriber) => Ok(Arc::clone(subscriber)),
            None => Err(DeadLetterError::NoSubscriber {
                id: letter.id.clone(),
                group: letter.group.clone(),
                source_name: match &letter.source {
                    LetterSource::EventLog(name) => format!("event log `{name}`"),
                    LetterSource::Topic(name) => format!("topic `{name}`"),
                },
            }),
        }
    }

    async fn find(&self, id: &str) -> Result<Found, DeadLetterError> {
        let entity = self.entity(id);
        let value = self.store.value(&entity).await?;
        let payload = value
            .payload
            .ok_or_else(|| DeadLetterError::NotFound(id.into()))?;
        let letter =
            DeadLetter::from_stored(id, &payload).map_err(|reason| unreadable(id, reason))?;
        Ok(Found {
            entity,
            revision: value.revision,
            letter,
        })
    }

    async fn put(&self, found: &Found, letter: Option<&DeadLetter>) -> Result<(), DeadLetterError> {
        let put = Put {
            entity: Arc::clone(&found.entity),
            after: found.revision,
            change: letter.map_or(Change::Delete, |letter| Change::Whole(letter.to_stored())),
        };
        let mut kept = self.kept.lock().await;
        self.store.put(put).await?;
        if letter.is_none() {
            kept.changed(&found.letter.id, 0, 1);
        }
        Ok(())
    }

    fn entity(&self, id: &str) -> Arc<EntityRef> {
        Arc::new(EntityRef::new(EntityKey {
            persistence_id: Arc::clone(&self.persistence_id),
            entity_id: id.into(),
        }))
    }
}

/// A letter as it is stored.
struct Found {
    entity: Arc<EntityRef>,
    revision: u64,
    letter: DeadLetter,
}

fn unreadable(id: &str, reason: DecodeError) -> DeadLetterError {
    DeadLetterError::Unreadable {
        id: id.to_owned(),
        reason,
    }
}
