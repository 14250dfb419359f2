//! Values: what damage does to them, that lost ones are noticed, and that acknowledged ones outlive a kill.

use std::{collections::BTreeMap, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{
    EntityRef, OpenError, Put, SqliteStore, Store, StoreError, StoredValue,
};
use rusqlite::Connection;

use crate::{
    child::{self, Running},
    files::{self, Copy, DATABASE, LOG, MARK},
    history,
};

const WRITERS: usize = 4;

fn text(entity: usize, revision: u64) -> String {
    format!("value {revision} of entity {entity}. {:.>80}", "")
}

/// The change of this number; each fifth deletes.
fn put(reference: &Arc<EntityRef>, entity: usize, number: u64) -> Put {
    Put {
        entity: Arc::clone(reference),
        after: number - 1,
        value: expected(entity, number).payload,
    }
}

fn expected(entity: usize, revision: u64) -> StoredValue {
    let payload = (revision > 0 && !revision.is_multiple_of(5)).then(|| Any {
        type_url: history::TYPE.into(),
        value: text(entity, revision).into(),
    });
    StoredValue { revision, payload }
}

async fn write(store: &SqliteStore, changes: u64) {
    for number in 1..=changes {
        for entity in 0..3 {
            let reference = history::reference(entity);
            store.put(put(&reference, entity, number)).await.unwrap();
        }
    }
}

/// The revisions of all entities, whose values are as they were written.
async fn revisions(store: &SqliteStore, entities: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    for entity in 0..entities {
        let found = store.value(&history::reference(entity)).await.unwrap();
        assert_eq!(found, expected(entity, found.revision));
        revisions.push(found.revision);
    }
    revisions
}

#[tokio::test]
async fn a_changed_value_is_read_by_nobody_and_harms_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    write(&store, 4).await;
    store.close().await.unwrap();
    files::flip(&directory.path().join(DATABASE), &text(1, 4));
    let store = SqliteStore::open(directory.path()).unwrap();
    match store.value(&history::reference(1)).await {
        Err(error @ StoreError::Corrupt { .. }) => {
            let text = error.to_string();
            assert!(
                text.contains("the value of entity history|entity-1, at revision 4"),
                "{text}"
            );
        }
        other => panic!("damage, not {other:?}"),
    }
    for entity in [0, 2] {
        let found = store.value(&history::reference(entity)).await;
        assert_eq!(found, Ok(expected(entity, 4)));
    }
}

#[tokio::test]
async fn a_row_that_somebody_removed_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    write(&store, 1).await;
    store.close().await.unwrap();
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    operator
        .execute("DELETE FROM value WHERE entity = 2", [])
        .unwrap();
    drop(operator);
    let store = SqliteStore::open(directory.path()).unwrap();
    let found = store.value(&history::reference(1)).await;
    assert!(
        matches!(found, Err(StoreError::Corrupt { .. })),
        "{found:?}"
    );
}

/// Wherever a byte changes, no value is ever read that was not written.
#[tokio::test]
async fn no_changed_byte_becomes_a_value() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    write(&store, 6).await;
    store.close().await.unwrap();
    let database = directory.path().join(DATABASE);
    let bytes = std::fs::read(&database).unwrap();
    let mut noticed = 0;
    for byte in (100..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[byte] ^= 0x04;
        std::fs::remove_file(&database).unwrap();
        std::fs::write(&database, damaged).unwrap();
        let Ok(store) = SqliteStore::open(directory.path()) else {
            noticed += 1;
            continue;
        };
        match store.value(&history::reference(0)).await {
            // The entity may have become unfindable, which is what a changed name does.
            Ok(found) if found == StoredValue::default() => noticed += 1,
            Ok(found) => assert_eq!(found, expected(0, 6), "byte {byte}"),
            Err(StoreError::Corrupt { .. }) => noticed += 1,
            Err(other) => panic!("byte {byte}: {other}"),
        }
        store.close().await.unwrap();
    }
    assert!(noticed > 0);
}

#[tokio::test]
async fn changes_that_are_missing_with_the_end_of_the_log_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    write(&store, 2).await;
    let copy = Copy::of(directory.path());
    store.close().await.unwrap();

    // Everything is there.
    let whole = Copy::of(copy.path());
    let store = SqliteStore::open(whole.path()).unwrap();
    assert_eq!(revisions(&store, 3).await, [2, 2, 2]);
    store.close().await.unwrap();

    // The log ends before the last commit.
    let log = copy.read(LOG);
    copy.write(LOG, &log[..log.len() - 100]);
    let error = SqliteStore::open(copy.path()).unwrap_err();
    let OpenError::Damaged(damage) = &error else {
        panic!("{error}")
    };
    assert_eq!((damage.missing.clone(), damage.missing_changes), (None, 1));
    let text = error.to_string();
    assert!(
        text.contains("the last acknowledged change of a value is missing"),
        "{text}"
    );
    assert!(text.contains(&format!("delete {MARK}")), "{text}");

    // Somebody goes on with what is left.
    copy.remove(MARK);
    let store = SqliteStore::open(copy.path()).unwrap();
    assert!(store.recovery().unmarked);
    assert_eq!(revisions(&store, 3).await, [2, 2, 1]);
}

/// A journal of the release before values, made with its schema.
#[tokio::test]
async fn a_journal_of_the_time_before_values_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=3).await;
    store.close().await.unwrap();
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    operator.execute_batch(crate::index::AS_VERSION_2).unwrap();
    operator
        .execute_batch(
            "DROP VIEW state; DROP TABLE value; DROP TABLE value_changes; PRAGMA user_version = 1",
        )
        .unwrap();
    drop(operator);
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(history::appends(&store).await.unwrap().len(), 3);
    write(&store, 1).await;
    store.close().await.unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(revisions(&store, 3).await, [1, 1, 1]);
    assert_eq!(history::appends(&store).await.unwrap().len(), 3);
}

#[tokio::test]
async fn people_can_read_what_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let entity = history::reference(0);
    store.put(put(&entity, 0, 1)).await.unwrap();
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    let row = operator
        .query_row(
            "SELECT persistence_id, entity_id, revision, type FROM state",
            [],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, u64>(2)?,
                    row.get::<_, String>(3)?,
                ))
            },
        )
        .unwrap();
    let expected = ("history".into(), "entity-0".into(), 1, history::TYPE.into());
    assert_eq!(row, expected);
}

/// Changes values without end, and says each change that is acknowledged.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn changes_until_it_is_killed() {
    let Some(directory) = child::directory() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let store = Arc::new(SqliteStore::open(&directory).unwrap());
    let revisions = runtime.block_on(revisions(&store, WRITERS));
    for (entity, mut number) in revisions.into_iter().enumerate() {
        let store = Arc::clone(&store);
        runtime.spawn(async move {
            let reference = history::reference(entity);
            loop {
                number += 1;
                store.put(put(&reference, entity, number)).await.unwrap();
                child::say(&format!("{entity} {number}"));
            }
        });
    }
    let operator = Connection::open(directory.join(DATABASE)).unwrap();
    loop {
        // It may be busy, and is tried again.
        let _ = operator.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
    }
}

#[tokio::test]
async fn an_acknowledged_change_outlives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<usize, u64> = BTreeMap::new();
    for round in 0..6 {
        let mut writer = Running::start(child::command(
            "values::changes_until_it_is_killed",
            directory.path(),
            None,
        ));
        let mut heard = |line: String| {
            let (entity, number) = line.split_once(' ').unwrap();
            acknowledged.insert(entity.parse().unwrap(), number.parse().unwrap());
        };
        // Another moment each time.
        for _ in 0..20 + round * 37 {
            heard(writer.heard().expect("the writer writes"));
        }
        writer.kill();
        while let Some(line) = writer.heard() {
            heard(line);
        }
        let store = SqliteStore::open(directory.path()).unwrap();
        assert!(!store.recovery().unmarked);
        let found = revisions(&store, WRITERS).await;
        for (entity, found) in found.into_iter().enumerate() {
            let acknowledged = acknowledged.get(&entity).copied().unwrap_or(0);
            // At most one change of each was on its way when the writer died.
            assert!((acknowledged..=acknowledged + 1).contains(&found));
        }
        store.close().await.unwrap();
    }
}
