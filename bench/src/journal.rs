//! Journals of a given length, written through the store itself: minutes of commands in a second.

use std::{ops::Range, path::Path, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{self, Append, EntityKey, EntityRef, Store, StoreLocation};

use crate::{Error, workload};

/// The cart's name for its events, as its annotation has it.
const PERSISTENCE_ID: &str = "shopping-cart";
/// Events that go into the store in one commit.
const COMMIT: u64 = 1000;

/// A cart's history.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The cart.
    pub cart: u32,
    /// How many events it has. They add one of each product in turn.
    pub events: u64,
    /// Whether there is a snapshot behind the last event.
    pub snapshot: bool,
}

/// Writes `histories` into a new store in `directory`, and closes it.
///
/// # Errors
/// The store refuses one of them.
pub async fn write(directory: &Path, histories: &[History]) -> Result<(), Error> {
    let failed = |reason: String| Error::Journal {
        directory: directory.to_owned(),
        reason,
    };
    let store = store::open(&StoreLocation::Directory(directory.to_owned()))
        .map_err(|error| failed(error.to_string()))?;
    for history in histories {
        append(&*store, history)
            .await
            .map_err(|error| failed(error.to_string()))?;
    }
    store
        .close()
        .await
        .map_err(|error| failed(error.to_string()))
}

async fn append(store: &dyn Store, history: &History) -> Result<(), store::StoreError> {
    let entity = Arc::new(EntityRef::new(EntityKey {
        persistence_id: PERSISTENCE_ID.into(),
        entity_id: workload::cart_id(history.cart).into(),
    }));
    for sequences in commits(history.events) {
        let is_last = sequences.end == history.events;
        let snapshot =
            (history.snapshot && is_last).then(|| Any::pack(&workload::snapshot(history.events)));
        let append = Append {
            entity: Arc::clone(&entity),
            after: sequences.start,
            events: sequences
                .map(|number| Any::pack(&workload::item_added(product(number))))
                .collect(),
            snapshot,
        };
        store.append(append).await?;
    }
    Ok(())
}

fn product(event: u64) -> u32 {
    (event % u64::from(workload::PRODUCTS)) as u32
}

/// The events of each commit, counted from 0.
fn commits(events: u64) -> impl Iterator<Item = Range<u64>> {
    (0..events.div_ceil(COMMIT)).map(move |at| at * COMMIT..events.min((at + 1) * COMMIT))
}

#[cfg(test)]
mod tests {
    use super::commits;

    #[test]
    fn commits_cover_every_event_once() {
        assert_eq!(commits(0).count(), 0);
        assert_eq!(
            commits(2500).collect::<Vec<_>>(),
            [0..1000, 1000..2000, 2000..2500]
        );
        assert_eq!(commits(2000).collect::<Vec<_>>(), [0..1000, 1000..2000]);
    }
}
