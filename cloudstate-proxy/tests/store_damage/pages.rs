//! Pages that SQLite cannot read, and indexes that say something else than the tables.

use std::{fs, ops::RangeInclusive, path::Path};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{Append, SqliteStore, Store, StoreError};
use rusqlite::Connection;

use crate::{files::DATABASE, history};

const PAGE: usize = 4096;

/// Events without contents: these tests are about where they are.
fn append(entity: usize, after: u64, events: usize) -> Append {
    Append {
        entity: history::reference(entity),
        after,
        events: vec![Any::default(); events],
        snapshot: None,
    }
}

/// The number of events of an entity.
async fn count(store: &SqliteStore, entity: usize) -> Result<u64, StoreError> {
    let entity = history::reference(entity);
    let mut count = 0;
    loop {
        match store.events(&entity, count, 1000).await?.len() as u64 {
            0 => return Ok(count),
            more => count += more,
        }
    }
}

/// A closed store's database, changed from the given page on.
fn change(directory: &Path, page: &str, change: impl FnOnce(&mut [u8])) {
    let database = directory.join(DATABASE);
    let page: usize = Connection::open(&database)
        .unwrap()
        .query_row(page, [], |row| row.get(0))
        .unwrap();
    let mut bytes = fs::read(&database).unwrap();
    change(&mut bytes[(page - 1) * PAGE..][..PAGE]);
    fs::write(database, bytes).unwrap();
}

#[tokio::test]
async fn a_broken_page_of_snapshots_costs_the_snapshots_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let with_snapshot = |after| Append {
        snapshot: Some(Any::default()),
        ..append(1, after, 2)
    };
    store.append(with_snapshot(0)).await.unwrap();
    store.close().await.unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'snapshot'";
    change(directory.path(), root, |page| page[..16].fill(0xff));

    let store = SqliteStore::open(directory.path()).unwrap();
    let entity = history::reference(1);
    assert_eq!(store.latest_snapshot(&entity).await, Ok(None));
    // Events that come with a snapshot are stored without it.
    assert_eq!(store.append(with_snapshot(2)).await, Ok(4));
    assert_eq!(store.latest_snapshot(&entity).await, Ok(None));
    assert_eq!(count(&store, 1).await, Ok(4));
}

/// Appends share transactions; a broken page must fail those that need it, not those that were queued beside them.
#[tokio::test]
async fn a_broken_page_of_the_index_harms_only_those_who_need_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    for entity in [1, 2] {
        store.append(append(entity, 0, 2000)).await.unwrap();
    }
    store.close().await.unwrap();
    let last_leaf = "SELECT pageno FROM dbstat WHERE name = 'event_of_entity' AND pagetype = 'leaf'
                     ORDER BY path DESC LIMIT 1";
    change(directory.path(), last_leaf, |page| page[..16].fill(0xff));

    let mut store = SqliteStore::open(directory.path()).unwrap();
    let queued: Vec<_> = (0..50)
        .map(|number| {
            let harmed = store.append(append(2, 2000, 1));
            (harmed, store.append(append(1, 2000 + number, 1)))
        })
        .collect();
    for (number, (harmed, other)) in queued.into_iter().enumerate() {
        assert!(matches!(harmed.await, Err(StoreError::Corrupt { .. })));
        assert_eq!(other.await, Ok(2001 + number as u64));
    }
    // When it is closed, the index is written; what has no place is not forgotten.
    for _ in 0..2 {
        assert_eq!(count(&store, 1).await, Ok(2050));
        assert!(matches!(
            count(&store, 2).await,
            Err(StoreError::Corrupt { .. })
        ));
        store.close().await.unwrap();
        store = SqliteStore::open(directory.path()).unwrap();
    }
}

/// The end of a history is where nothing is left to fail its checksum.
#[tokio::test]
async fn a_history_that_ends_too_early_is_noticed() {
    for (first, expected) in [(1, "the events of"), (3, "events 3 to 5 of")] {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        store.append(append(1, 0, 1)).await.unwrap();
        store.append(append(2, 0, 5)).await.unwrap();
        store.close().await.unwrap();
        // The third entry alone ends the history for who reads forwards, not for who comes from its end.
        let last = if first == 1 { 5 } else { first };
        misplace_in_index(directory.path(), first..=last);

        let store = SqliteStore::open(directory.path()).unwrap();
        match count(&store, 2).await {
            Err(StoreError::Corrupt { detail, .. }) => {
                assert!(detail.contains("table event_of_entity"), "{detail}");
                assert!(detail.contains(expected), "{detail}");
            }
            other => panic!("read {other:?}"),
        }
        assert_eq!(count(&store, 1).await, Ok(1));
    }
}

/// Gives entries of the second entity to one that does not exist, in the index alone.
fn misplace_in_index(directory: &Path, sequences: RangeInclusive<u8>) {
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'event_of_entity'";
    change(directory, root, |page| {
        for sequence in sequences {
            // A record of entity, sequence and position: the size of its head, three types, then the values. Type 1 is
            // one byte; type 9 is the number 1, without a value.
            let position = sequence + 1;
            let entry = match sequence {
                1 => vec![4, 1, 9, 1, 2, position],
                _ => vec![4, 1, 1, 1, 2, sequence, position],
            };
            let at = page
                .windows(entry.len())
                .position(|window| window == entry)
                .unwrap();
            page[at + 4] = 3;
        }
    });
}
