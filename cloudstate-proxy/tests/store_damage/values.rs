//! Values: what damage does to them, that lost ones are noticed, and that acknowledged ones outlive a kill.

use std::{collections::BTreeMap, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{
    Change, EntityRef, OpenError, Put, SqliteStore, Store, StoreError, StoredValue,
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

fn payload(entity: usize, revision: u64) -> Any {
    Any {
        type_url: history::TYPE.into(),
        value: text(entity, revision).into(),
    }
}

/// The change of this number: each fifth deletes, the one behind it is whole again, and the others are deltas.
fn put(reference: &Arc<EntityRef>, entity: usize, number: u64) -> Put {
    Put {
        entity: Arc::clone(reference),
        after: number - 1,
        change: match number % 5 {
            0 => Change::Delete,
            1 => Change::Whole(payload(entity, number)),
            _ => Change::Delta(payload(entity, number)),
        },
    }
}

fn expected(entity: usize, revision: u64) -> StoredValue {
    if revision.is_multiple_of(5) {
        return StoredValue {
            revision,
            ..StoredValue::default()
        };
    }
    let whole = revision / 5 * 5 + 1;
    StoredValue {
        revision,
        payload: Some(payload(entity, whole)),
        deltas: (whole + 1..=revision)
            .map(|revision| payload(entity, revision))
            .collect(),
    }
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
    let damaged = [
        (0, 1, "the value of entity history|entity-0, at revision 1"),
        (1, 4, "a delta of entity history|entity-1, at revision 4"),
    ];
    for (entity, revision, _) in damaged {
        files::flip(&directory.path().join(DATABASE), &text(entity, revision));
    }
    let store = SqliteStore::open(directory.path()).unwrap();
    for (entity, _, named) in damaged {
        match store.value(&history::reference(entity)).await {
            Err(error @ StoreError::Corrupt { .. }) => {
                let text = error.to_string();
                assert!(text.contains(named), "{text}");
            }
            other => panic!("damage, not {other:?}"),
        }
    }
    let found = store.value(&history::reference(2)).await;
    assert_eq!(found, Ok(expected(2, 4)));
}

/// Whichever row of an entity is lost, or becomes another's: it shows.
#[tokio::test]
async fn a_row_that_somebody_removed_or_moved_is_damage() {
    for (changes, harm) in [
        (1, "DELETE FROM value WHERE entity = 2"),
        (4, "DELETE FROM value WHERE entity = 2"),
        (4, "DELETE FROM value_delta WHERE entity = 2"),
        (
            4,
            "DELETE FROM value_delta WHERE entity = 2 AND revision = 2",
        ),
        (
            4,
            "DELETE FROM value_delta WHERE entity = 2 AND revision = 4",
        ),
        (4, "DELETE FROM last_delta WHERE entity = 2"),
        (4, "UPDATE last_delta SET revision = 3 WHERE entity = 2"),
        (4, "UPDATE value SET revision = 2 WHERE entity = 2"),
        (
            4,
            "DELETE FROM value_delta WHERE entity = 2 AND revision = 4;
             UPDATE value_delta SET entity = 2 WHERE entity = 3 AND revision = 4",
        ),
        // A value that is older, with what was to lead to the next one.
        (
            6,
            "INSERT INTO value_delta SELECT 2, 7, type, payload, time, checksum FROM value WHERE entity = 2",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        write(&store, changes).await;
        store.close().await.unwrap();
        let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
        operator.execute_batch(harm).unwrap();
        drop(operator);
        let store = SqliteStore::open(directory.path()).unwrap();
        let found = store.value(&history::reference(1)).await;
        let Err(error @ StoreError::Corrupt { .. }) = found else {
            panic!("damage by {harm}, not {found:?}")
        };
        let text = error.to_string();
        assert!(text.contains("entity history|entity-1"), "{text}");
        let found = store.value(&history::reference(0)).await;
        assert_eq!(found, Ok(expected(0, changes)), "{harm}");
    }
}

/// Wherever a byte changes, no value is ever read that was not written.
#[tokio::test]
async fn no_changed_byte_becomes_a_value() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    write(&store, 9).await;
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
            Ok(found) => assert_eq!(found, expected(0, 9), "byte {byte}"),
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

/// Makes a journal of this schema, whose values have no deltas, one of the schema before there were any.
pub(crate) const AS_VERSION_3: &str = "
    DROP TABLE value_delta; DROP TABLE last_delta; DROP VIEW state;
    CREATE VIEW state AS
        SELECT entity.persistence_id, entity.entity_id, value.revision, payload_type.url AS type
        FROM value JOIN entity ON entity.id = value.entity
        LEFT JOIN payload_type ON payload_type.id = value.type;
    PRAGMA user_version = 3;";

#[tokio::test]
async fn a_journal_of_the_time_before_deltas_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    write(&store, 6).await;
    store.close().await.unwrap();
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    operator.execute_batch(AS_VERSION_3).unwrap();
    drop(operator);
    for revision in 6..10 {
        let store = SqliteStore::open(directory.path()).unwrap();
        assert_eq!(revisions(&store, 3).await, [revision; 3]);
        for entity in 0..3 {
            let reference = history::reference(entity);
            let put = put(&reference, entity, revision + 1);
            store.put(put).await.unwrap();
        }
        store.close().await.unwrap();
    }
}

/// A journal of the release before values, made with its schema.
#[tokio::test]
async fn a_journal_of_the_time_before_values_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=3).await;
    store.close().await.unwrap();
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    operator.execute_batch(AS_VERSION_3).unwrap();
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
    for number in 1..=3 {
        store.put(put(&entity, 0, number)).await.unwrap();
    }
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    let row = operator
        .query_row(
            "SELECT persistence_id, entity_id, revision, type, bytes FROM state",
            [],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, u64>(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, usize>(4)?,
                ))
            },
        )
        .unwrap();
    let bytes = (1..=3)
        .map(|revision| text(0, revision).len())
        .sum::<usize>();
    let expected = (
        "history".into(),
        "entity-0".into(),
        3,
        history::TYPE.into(),
        bytes,
    );
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
