//! Where the copy of one entity is kept.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;

use crate::{
    crdt::{Crdt, DecodeError},
    store::{Commit, EntityRef, Put, Store, StoreError},
};

/// Says what the stored bytes are to those who look into the store.
const TYPE_URL: &str = "cloudstate.io/proxy.crdt";

/// The value of one entity in the store: its copy, or the note that it was deleted.
#[derive(Debug)]
pub(super) struct Storage {
    store: Arc<dyn Store>,
    entity: Arc<EntityRef>,
    /// The revision of the last write, durable or not.
    revision: u64,
}

/// What is known of an entity.
#[derive(Debug)]
pub(super) enum Stored {
    Nothing,
    Copy(Crdt),
    Deleted,
}

/// Why the copy of an entity cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Storage {
    /// What is stored, and where the next write goes.
    pub(super) async fn read(
        store: &Arc<dyn Store>,
        entity: &Arc<EntityRef>,
    ) -> Result<(Self, Stored), ReadError> {
        let value = store.value(entity).await?;
        let stored = match value.payload {
            Some(payload) => Stored::Copy(Crdt::decode(payload.value)?),
            None if value.revision > 0 => Stored::Deleted,
            None => Stored::Nothing,
        };
        let storage = Self {
            store: Arc::clone(store),
            entity: Arc::clone(entity),
            revision: value.revision,
        };
        Ok((storage, stored))
    }

    /// Stores a copy, or for `None` that the entity was deleted: it cannot come back, because a copy elsewhere that does
    /// not know of it yet would bring all of it back.
    pub(super) fn write(&mut self, copy: Option<Bytes>) -> Commit {
        let after = self.revision;
        self.revision += 1;
        self.store.put(Put {
            entity: Arc::clone(&self.entity),
            after,
            value: copy.map(|value| Any {
                type_url: ByteString::from_static(TYPE_URL),
                value,
            }),
        })
    }
}
