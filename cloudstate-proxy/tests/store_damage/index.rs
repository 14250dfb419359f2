//! The index of events by entity follows behind the events: what is read meanwhile, and after it was cut short.

use std::{fs, path::Path, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{Append, EntityRef, SqliteStore, Store};
use rusqlite::Connection;

use crate::{
    files::{Copy, DATABASE, LOG},
    history,
    values::AS_VERSION_3,
};

/// Makes a journal of version 3 one of the schema before the index was a table.
pub(crate) const AS_VERSION_2: &str = "
    DROP VIEW history; DROP TABLE indexed; DROP TABLE event_of_entity;
    CREATE UNIQUE INDEX event_of_entity ON event (entity, sequence);
    PRAGMA user_version = 2;";

fn operator(directory: &Path) -> Connection {
    Connection::open(directory.join(DATABASE)).unwrap()
}

fn number(connection: &Connection, sql: &str) -> u64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Events in the index, events in all.
fn entries(directory: &Path) -> (u64, u64) {
    let operator = operator(directory);
    (
        number(&operator, "SELECT count(*) FROM event_of_entity"),
        number(&operator, "SELECT count(*) FROM event"),
    )
}

fn append(entity: &Arc<EntityRef>, after: u64, events: u64) -> Append {
    let numbered = |sequence: u64| Any {
        type_url: history::TYPE.into(),
        value: sequence.to_le_bytes().to_vec().into(),
    };
    Append {
        entity: Arc::clone(entity),
        after,
        events: (after + 1..=after + events).map(numbered).collect(),
        snapshot: None,
    }
}

/// Reads the events of an entity behind `after` in pages, checks each, and gives the number of the last one.
async fn last(store: &SqliteStore, entity: &Arc<EntityRef>, mut after: u64, page: usize) -> u64 {
    while let events = store.events(entity, after, page).await.unwrap()
        && !events.is_empty()
    {
        assert!(events.len() <= page);
        for event in events {
            after += 1;
            assert_eq!(event.sequence, after);
            assert_eq!(event.payload.value, after.to_le_bytes().as_slice());
        }
    }
    after
}

/// As many events as the index follows behind, several times over, of entities whose entries leave memory at different
/// moments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_found_while_the_index_follows() {
    const ENTITIES: usize = 40;
    const ROUNDS: u64 = 300;
    const EVENTS: u64 = 10;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let entities: Vec<_> = (0..ENTITIES).map(history::reference).collect();
    let reader = tokio::spawn({
        // References of their own, so that nothing is known of the writer's.
        let (store, entities) = (Arc::clone(&store), (0..ENTITIES).map(history::reference));
        let entities: Vec<_> = entities.collect();
        async move {
            let mut seen = 0;
            while seen < ROUNDS * EVENTS {
                for (index, entity) in entities.iter().enumerate() {
                    let now = last(&store, entity, seen, 100 + index).await;
                    assert!(now >= seen && now % EVENTS == 0);
                    if index == 0 {
                        seen = now.min(seen + 7 * EVENTS);
                    }
                }
                // The next round of others may begin a little before what the first one has reached.
                seen = seen.saturating_sub(EVENTS * u64::from(seen < ROUNDS * EVENTS));
            }
        }
    });
    for round in 0..ROUNDS {
        let commits: Vec<_> = entities
            .iter()
            .map(|entity| store.append(append(entity, round * EVENTS, EVENTS)))
            .collect();
        for commit in commits {
            assert_eq!(commit.await, Ok((round + 1) * EVENTS));
        }
        // Who has been answered finds the events.
        let entity = &entities[round as usize % ENTITIES];
        let written = (round + 1) * EVENTS;
        assert_eq!(last(&store, entity, written - EVENTS, 1000).await, written);
    }
    reader.await.unwrap();
    let (indexed, stored) = entries(directory.path());
    assert_eq!(stored, ENTITIES as u64 * ROUNDS * EVENTS);
    assert!(indexed > 0 && indexed < stored, "{indexed} of {stored}");

    // A kill at this moment: what is in memory alone is made anew.
    let killed = Copy::of(directory.path());
    let again = SqliteStore::open(killed.path()).unwrap();
    assert_eq!(entries(killed.path()), (stored, stored));
    for entity in &entities {
        assert_eq!(last(&again, entity, 0, 1000).await, ROUNDS * EVENTS);
    }
    // A clean stop leaves nothing to do.
    store.close().await.unwrap();
    assert_eq!(entries(directory.path()), (stored, stored));
    let before = fs::read(directory.path().join(DATABASE)).unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(last(&store, &entities[3], 0, 1000).await, ROUNDS * EVENTS);
    store.close().await.unwrap();
    assert!(fs::read(directory.path().join(DATABASE)).unwrap() == before);
}

#[tokio::test]
async fn people_find_the_history_of_an_entity_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let count = |directory: &Path| {
        number(
            &operator(directory),
            "SELECT count(DISTINCT position) + count(*) - count(position) FROM history
             WHERE persistence_id = 'history' AND entity_id = 'entity-1'",
        )
    };
    history::write(&store, 1..=4).await;
    assert_eq!(entries(directory.path()).0, 0);
    assert_eq!(count(directory.path()), history::last_sequence(4));
    store.close().await.unwrap();
    assert_eq!(count(directory.path()), history::last_sequence(4));
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 5..=6).await;
    assert_eq!(count(directory.path()), history::last_sequence(6));
    let all = number(&operator(directory.path()), "SELECT count(*) FROM history");
    assert_eq!(all, 3 * history::last_sequence(6));
}

/// The index can always be made from the events.
#[tokio::test]
async fn an_index_that_nothing_is_known_of_is_made_anew() {
    let as_version_2 = [AS_VERSION_3, AS_VERSION_2].concat();
    for damage in [
        "UPDATE indexed SET position = position + 1",
        "UPDATE indexed SET position = 8",
        "DELETE FROM indexed",
        "DELETE FROM indexed; DELETE FROM event_of_entity WHERE sequence > 2",
        &as_version_2,
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        history::write(&store, 1..=7).await;
        store.close().await.unwrap();
        operator(directory.path()).execute_batch(damage).unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let found = history::appends(&store).await.unwrap();
        assert_eq!(found.into_values().collect::<Vec<_>>(), [7; 3], "{damage}");
        history::write(&store, 8..=8).await;
        store.close().await.unwrap();
        let (indexed, stored) = entries(directory.path());
        assert_eq!(indexed, stored, "{damage}");
    }
}

/// Somebody goes on without a damaged part of the log; the index must fit what is left.
#[tokio::test]
async fn an_index_that_does_not_fit_the_events_is_noticed_when_a_part_of_the_log_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=3).await;
    store.close().await.unwrap();
    for (damage, fits) in [
        ("SELECT 1", true),
        (
            "DELETE FROM event_of_entity WHERE entity = 2 AND sequence = 2",
            false,
        ),
        (
            "UPDATE event_of_entity SET position = position + 1 WHERE entity = 2 AND sequence = 2",
            false,
        ),
        ("INSERT INTO event_of_entity VALUES (2, 1000, 1000)", false),
    ] {
        let copy = Copy::of(directory.path());
        let _ = operator(copy.path()).query_row(damage, [], |_| Ok(()));
        // Not a word of it can be read.
        copy.write(LOG, &[0x5a; 9000]);
        copy.remove(crate::files::MARK);
        match SqliteStore::open(copy.path()) {
            Ok(_) => assert!(fits, "{damage}"),
            Err(error) => assert!(
                !fits && error.to_string().contains("event_of_entity"),
                "{error}"
            ),
        }
    }
}
