//! Journals of a given length, written through the store itself: minutes of commands in a second.

use std::{collections::VecDeque, fmt, ops::Range, path::Path, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{
    self, Append, EntityKey, EntityRef, Store, StoreError, StoreLocation,
};

use crate::{Error, workload};

/// The cart's name for its events, as its annotation has it.
const PERSISTENCE_ID: &str = "shopping-cart";
/// Events that go into the store in one commit.
const COMMIT: u64 = 1000;
/// Commits that wait for the disk at one time; the store makes one sync of them.
const WAITING: usize = 64;

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

/// Writes `histories` into the store in `directory`, which may be a new one, and closes it. None of the carts may be in
/// it.
///
/// # Errors
/// The store refuses one of them.
pub async fn write(directory: &Path, histories: &[History]) -> Result<(), Error> {
    let store = store::open(&StoreLocation::Directory(directory.to_owned()))
        .map_err(|error| failed(directory, error))?;
    append(&*store, histories)
        .await
        .map_err(|error| failed(directory, error))?;
    store
        .close()
        .await
        .map_err(|error| failed(directory, error))
}

/// The journal in `directory` could not be written.
pub(crate) fn failed(directory: &Path, error: impl fmt::Display) -> Error {
    Error::Journal {
        directory: directory.to_owned(),
        reason: error.to_string(),
    }
}

/// The store's name of a cart.
pub(crate) fn entity_of(cart: u32) -> EntityKey {
    EntityKey {
        persistence_id: PERSISTENCE_ID.into(),
        entity_id: workload::cart_id(cart).into(),
    }
}

async fn append(store: &dyn Store, histories: &[History]) -> Result<(), StoreError> {
    let mut waiting = VecDeque::new();
    for append in histories.iter().flat_map(appends) {
        if waiting.len() == WAITING
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await?;
        }
        waiting.push_back(store.append(append));
    }
    for commit in waiting {
        commit.await?;
    }
    Ok(())
}

fn appends(history: &History) -> impl Iterator<Item = Append> + use<> {
    let history = *history;
    let entity = Arc::new(EntityRef::new(entity_of(history.cart)));
    commits(history.events).map(move |sequences| Append {
        entity: Arc::clone(&entity),
        after: sequences.start,
        snapshot: (history.snapshot && sequences.end == history.events)
            .then(|| Any::pack(&workload::snapshot(history.events))),
        events: sequences
            .map(|number| Any::pack(&workload::item_added(product(number))))
            .collect(),
    })
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
    use super::*;

    #[test]
    fn commits_cover_every_event_once() {
        assert_eq!(commits(0).count(), 0);
        assert_eq!(
            commits(2500).collect::<Vec<_>>(),
            [0..1000, 1000..2000, 2000..2500]
        );
        assert_eq!(commits(2000).collect::<Vec<_>>(), [0..1000, 1000..2000]);
    }

    #[test]
    fn histories_are_in_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let histories: Vec<History> = (0..100)
            .map(|cart| History {
                cart,
                events: if cart == 7 { 1234 } else { 3 },
                snapshot: cart == 7,
            })
            .collect();
        let runtime = crate::load::runtime(1).unwrap();
        runtime.block_on(async {
            write(directory.path(), &histories).await.unwrap();
            let location = StoreLocation::Directory(directory.path().to_owned());
            let store = store::open(&location).unwrap();
            assert_eq!(store.last_position().await.unwrap(), 99 * 3 + 1234);

            let entity = |cart| Arc::new(EntityRef::new(entity_of(cart)));
            let snapshot = store.latest_snapshot(&entity(7)).await.unwrap().unwrap();
            assert_eq!(snapshot.sequence, 1234);
            assert_eq!(snapshot.payload, Any::pack(&workload::snapshot(1234)));
            assert_eq!(store.latest_snapshot(&entity(8)).await.unwrap(), None);
            let last = &store.events(&entity(7), 1233, 10).await.unwrap()[..];
            let [last] = last else { panic!("{last:?}") };
            assert_eq!(last.payload, Any::pack(&workload::item_added(3)));
            store.close().await.unwrap();
        });
    }
}
