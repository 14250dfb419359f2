//! Processes that die at any moment.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use cloudstate_proxy::store::{SqliteStore, Store};
use rusqlite::Connection;

use crate::{
    child::{self, Running},
    files::{self, Copy, DATABASE, LOG, MARK},
    history,
};

const WRITERS: usize = 8;

/// Appends without end, and says each one that is acknowledged. Meanwhile the log is moved to the database and begun
/// anew, again and again.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn writes_until_it_is_killed() {
    let Some(directory) = child::directory() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let store = Arc::new(SqliteStore::open(&directory).unwrap());
    let stored = runtime.block_on(history::appends(&*store)).unwrap();
    for entity in 0..WRITERS {
        let store = Arc::clone(&store);
        let mut number = stored.get(&entity).copied().unwrap_or(0);
        runtime.spawn(async move {
            loop {
                number += 1;
                store.append(history::append(entity, number)).await.unwrap();
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
async fn what_was_acknowledged_outlives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for round in 0..12 {
        let mut writer = Running::start(child::command(
            "crash::writes_until_it_is_killed",
            directory.path(),
            None,
        ));
        let mut heard = |line: String| {
            let (entity, number) = line.split_once(' ').unwrap();
            acknowledged.insert(
                entity.parse::<usize>().unwrap(),
                number.parse::<u64>().unwrap(),
            );
        };
        // Another moment each time.
        for _ in 0..20 + round * 37 {
            heard(writer.heard().expect("the writer writes"));
        }
        writer.kill();
        while let Some(line) = writer.heard() {
            heard(line);
        }
        if round % 3 == 1 {
            // The next writer is the first to open what this one has left, and checks it as well.
            continue;
        }
        let store = SqliteStore::open(directory.path()).unwrap();
        let found = history::appends(&store).await.unwrap();
        for (entity, number) in &acknowledged {
            assert!(found[entity] >= *number, "{found:?} {acknowledged:?}");
        }
        // At most one append of each was on its way when a writer died.
        for (entity, number) in &found {
            assert!(acknowledged.get(entity).copied().unwrap_or(0) + 2 >= *number);
        }
        assert!(!store.recovery().unmarked);
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_at_any_moment_holds_what_was_acknowledged_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|entity| {
            let (store, acknowledged) = (Arc::clone(&store), Arc::clone(&acknowledged));
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    store.append(history::append(entity, number)).await.unwrap();
                    acknowledged.lock().unwrap().insert(entity, number);
                }
            })
        })
        .collect();
    let mut checked = 0;
    while checked < 25 {
        let before = acknowledged.lock().unwrap().clone();
        let generation = files::generation(directory.path());
        let copy = Copy::of(directory.path());
        if files::generation(directory.path()) != generation || generation.is_empty() {
            continue;
        }
        let store = SqliteStore::open(copy.path()).unwrap();
        let found = history::appends(&store).await.unwrap();
        for (entity, number) in &before {
            assert!(found[entity] >= *number, "{found:?} {before:?}");
        }
        checked += 1;
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
}

/// A power failure may leave less of the log than was written, if it was not synced.
#[tokio::test]
async fn a_log_that_ends_anywhere_holds_the_appends_before_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    for number in 1..=6 {
        let commits: Vec<_> = (0..3)
            .map(|entity| store.append(history::append(entity, number)))
            .collect();
        for commit in commits {
            commit.await.unwrap();
        }
    }
    let whole = Copy::of(directory.path());
    let log = whole.read(LOG);
    let frame = 24 + 4096;
    let boundaries = (32..=log.len()).step_by(frame);
    let elsewhere = (0..log.len()).step_by(4567);
    let mut last = 0;
    let mut ends: Vec<_> = boundaries.chain(elsewhere).collect();
    ends.sort_unstable();
    for end in ends {
        let copy = Copy::of(whole.path());
        copy.write(LOG, &log[..end]);
        copy.remove(MARK);
        let store = SqliteStore::open(copy.path()).unwrap();
        let appends = history::appends(&store).await.unwrap();
        let position = store.last_position().await.unwrap();
        assert!(position >= last, "a longer log never holds less");
        assert_eq!(store.recovery().unmarked, position > 0);
        last = position;
        // It goes on from there.
        let next = appends.get(&0).copied().unwrap_or(0) + 1;
        store.append(history::append(0, next)).await.unwrap();
    }
    assert_eq!(last, 3 * history::last_sequence(6));
}
