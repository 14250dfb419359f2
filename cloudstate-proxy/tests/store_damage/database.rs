//! Damage to the database, and databases that are something else.

use std::fs;

use cloudstate_proxy::store::{OpenError, SqliteStore, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    files::{self, DATABASE},
    history,
};

/// A store that was closed: everything is in the database.
async fn closed() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=7).await;
    store.close().await.unwrap();
    directory
}

#[track_caller]
fn corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>, part: &str) {
    match result {
        Err(error @ StoreError::Corrupt { .. }) => {
            let text = error.to_string();
            assert!(text.contains(DATABASE) && text.contains(part), "{text}");
        }
        other => panic!("damage, not {other:?}"),
    }
}

#[tokio::test]
async fn a_changed_payload_harms_its_own_entity_and_nobody_else() {
    let directory = closed().await;
    // The third append of each entity has one event, the sixth of its sequence.
    files::flip(&directory.path().join(DATABASE), &history::text(1, 3, 1));
    let store = SqliteStore::open(directory.path()).unwrap();
    let (before, damaged) = (5, 6);
    let entity = history::reference(1);
    assert_eq!(
        store.events(&entity, 0, 100).await.unwrap().len(),
        before as usize
    );
    corrupt(
        store.events(&entity, before, 100).await,
        &format!("event {damaged} of entity history|entity-1, at position "),
    );
    // What is behind it can be read.
    let whole = history::last_sequence(7);
    assert_eq!(
        store.events(&entity, damaged, 100).await.unwrap().len() as u64,
        whole - damaged
    );
    for other in [0, 2] {
        let other = history::reference(other);
        let events = store.events(&other, 0, 100).await.unwrap();
        assert_eq!(events.len() as u64, whole);
    }
    // The journal can be read up to there.
    let readable = store.journal(0, 1000).await.unwrap();
    let position = readable.last().unwrap().position;
    assert!(position < store.last_position().await.unwrap());
    corrupt(
        store.journal(position, 1000).await,
        &format!("at position {},", position + 1),
    );
    // And everybody can go on, the damaged entity too.
    for entity in 0..3 {
        store.append(history::append(entity, 8)).await.unwrap();
    }
}

#[tokio::test]
async fn a_damaged_snapshot_is_none() {
    let directory = closed().await;
    files::flip(&directory.path().join(DATABASE), &history::snapshot(1, 6));
    let store = SqliteStore::open(directory.path()).unwrap();
    let snapshot = store.latest_snapshot(&history::reference(1)).await;
    assert_eq!(snapshot.unwrap(), None);
    let events = store.events(&history::reference(1), 0, 100).await.unwrap();
    assert_eq!(events.len() as u64, history::last_sequence(7));
    let other = store.latest_snapshot(&history::reference(0)).await.unwrap();
    assert_eq!(other.unwrap().sequence, history::last_sequence(6));
}

#[tokio::test]
async fn a_changed_name_is_noticed_wherever_it_stands() {
    let directory = closed().await;
    let database = directory.path().join(DATABASE);
    files::flip(&database, history::TYPE);
    let store = SqliteStore::open(directory.path()).unwrap();
    let entity = history::reference(0);
    corrupt(store.events(&entity, 0, 1).await, "its checksum");
    assert_eq!(store.latest_snapshot(&entity).await.unwrap(), None);
    corrupt(store.journal(0, 1).await, "its checksum");
    store.close().await.unwrap();

    let directory = closed().await;
    let database = directory.path().join(DATABASE);
    files::flip(&database, "historyentity-0");
    let store = SqliteStore::open(directory.path()).unwrap();
    corrupt(store.journal(0, 1).await, "its checksum");
}

/// What somebody else has done to the database fails whoever meets it, not those whose appends share its transaction.
#[tokio::test]
async fn an_append_that_the_database_refuses_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=1).await;
    // Entity 1 has the number 2.
    let intruder = Connection::open(directory.path().join(DATABASE)).unwrap();
    intruder
        .execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TRIGGER intruder BEFORE INSERT ON event WHEN new.entity = 2
             BEGIN SELECT raise(ABORT, 'no more'); END;",
        )
        .unwrap();
    // The writer waits for the intruder with the first, and takes the others together.
    let mut commits = vec![store.append(history::append(3, 1))];
    commits.extend((0..3).map(|entity| store.append(history::append(entity, 2))));
    intruder.execute_batch("COMMIT").unwrap();
    let mut results = Vec::new();
    for commit in commits {
        results.push(commit.await);
    }
    corrupt(results.remove(2), "no more");
    let second = Ok(history::last_sequence(2));
    assert_eq!(
        results,
        [Ok(history::last_sequence(1)), second.clone(), second]
    );
}

#[track_caller]
fn refused(directory: &TempDir) -> OpenError {
    let database = directory.path().join(DATABASE);
    let before = fs::read(&database).unwrap();
    let error = SqliteStore::open(directory.path()).unwrap_err();
    assert!(fs::read(&database).unwrap() == before);
    for made in ["journal.db-wal", "journal.db-shm", "journal.mark"] {
        assert!(!directory.path().join(made).exists(), "{made}");
    }
    error
}

#[tokio::test]
async fn something_else_is_not_taken_for_a_journal() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join(DATABASE);
    fs::write(
        &database,
        "This is a diary, and has nothing to do with it. ".repeat(100),
    )
    .unwrap();
    let error = refused(&directory);
    assert!(matches!(error, OpenError::NotAJournal { .. }), "{error}");

    fs::remove_file(&database).unwrap();
    Connection::open(&database)
        .unwrap()
        .execute_batch("CREATE TABLE song (title TEXT)")
        .unwrap();
    let error = refused(&directory);
    assert!(matches!(error, OpenError::NotAJournal { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(DATABASE) && text.contains("application_id"),
        "{text}"
    );
}

#[tokio::test]
async fn a_journal_of_a_later_release_is_refused() {
    let directory = closed().await;
    let database = directory.path().join(DATABASE);
    Connection::open(&database)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    fs::remove_file(directory.path().join("journal.mark")).unwrap();
    let error = refused(&directory);
    let text = error.to_string();
    assert!(matches!(error, OpenError::NewerSchema { .. }), "{text}");
    assert!(
        text.contains("version 99") && text.contains("up to 4"),
        "{text}"
    );
}

#[tokio::test]
async fn a_database_that_sqlite_cannot_read_is_damaged() {
    let directory = closed().await;
    let database = directory.path().join(DATABASE);
    // Every page but the first.
    let mut bytes = fs::read(&database).unwrap();
    bytes[4096..].fill(0x5a);
    fs::write(&database, bytes).unwrap();
    match SqliteStore::open(directory.path()).unwrap_err() {
        OpenError::Damaged(damage) => {
            assert_eq!(damage.file, database);
            assert!(damage.expendable.is_empty());
            assert!(!damage.to_string().contains("delete"), "{damage}");
        }
        other => panic!("{other}"),
    }
}

/// Wherever a byte changes, no event is ever read that was not written.
#[tokio::test]
async fn no_changed_byte_becomes_an_event() {
    let directory = closed().await;
    let database = directory.path().join(DATABASE);
    let bytes = fs::read(&database).unwrap();
    let mut noticed = 0;
    for byte in (100..bytes.len()).step_by(211) {
        let mut damaged = bytes.clone();
        damaged[byte] ^= 0x04;
        fs::remove_file(&database).unwrap();
        fs::write(&database, damaged).unwrap();
        let Ok(store) = SqliteStore::open(directory.path()) else {
            noticed += 1;
            continue;
        };
        let mut written = vec![];
        for number in 1..=7 {
            written.extend((1..=1 + number % 3).map(|event| history::text(0, number, event)));
        }
        match store.events(&history::reference(0), 0, 100).await {
            Ok(events) => {
                assert!(events.len() <= written.len());
                for (event, written) in events.iter().zip(&written) {
                    assert_eq!(event.payload.value, written.as_bytes(), "byte {byte}");
                    assert_eq!(event.payload.type_url, history::TYPE, "byte {byte}");
                }
            }
            Err(StoreError::Corrupt { .. }) => noticed += 1,
            Err(other) => panic!("byte {byte}: {other}"),
        }
        store.close().await.unwrap();
    }
    assert!(noticed > 0);
}
