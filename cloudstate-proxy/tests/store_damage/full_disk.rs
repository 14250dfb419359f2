//! A disk without room, for real: a limit on the size of files, and a file system of one megabyte.

use std::{fs, path::Path};

use cloudstate_proxy::store::{SqliteStore, Store, StoreError};

use crate::{
    child::{self, Running},
    history,
};

const FILLER: &str = "filler";

/// Stores until there is no room; then everything acknowledged, and nothing else, can be read, and no append succeeds.
/// If there is a filler, room is made by removing it, and writing goes on.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn fills_the_disk() {
    let Some(directory) = child::directory() else {
        return;
    };
    tokio::runtime::Builder::new_multi_thread()
        .build()
        .unwrap()
        .block_on(fill(&directory));
}

async fn fill(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    let mut appends = [0; 3];
    // By turns, so that the entities' appends meet the limit at different points.
    for (entity, appends) in appends.iter_mut().enumerate() {
        let (stored, error) = history::write_until_error(&store, entity, 0).await;
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        *appends = stored;
    }
    assert!(appends[0] > 10, "{appends:?}");
    let expected = appends
        .iter()
        .enumerate()
        .filter(|(_, appends)| **appends > 0)
        .map(|(entity, appends)| (entity, *appends))
        .collect();
    assert_eq!(history::appends(&store).await.unwrap(), expected);
    if fs::remove_file(directory.join(FILLER)).is_ok() {
        // A checkpoint needs room as well; the first append after it finds some.
        for (entity, appends) in appends.iter_mut().enumerate() {
            store
                .append(history::append(entity, *appends + 1))
                .await
                .unwrap();
            *appends += 1;
        }
    }
    child::say(&appends.map(|appends| appends.to_string()).join(" "));
    child::wait_for_parent();
}

/// Runs the case, kills it when it has told what was acknowledged, and gives that.
fn filled(directory: &Path, script: &str) -> Option<[u64; 3]> {
    let mut running = Running::start(child::command(
        "full_disk::fills_the_disk",
        directory,
        Some(script),
    ));
    let told = running.heard();
    running.kill();
    let told: Vec<u64> = told?
        .split(' ')
        .map(|appends| appends.parse().unwrap())
        .collect();
    told.try_into().ok()
}

async fn goes_on(directory: &Path, appends: [u64; 3]) {
    let store = SqliteStore::open(directory).unwrap();
    let found = history::appends(&store).await.unwrap();
    for (entity, acknowledged) in appends.into_iter().enumerate() {
        assert_eq!(found.get(&entity).copied().unwrap_or(0), acknowledged);
        store
            .append(history::append(entity, acknowledged + 1))
            .await
            .unwrap();
    }
    assert!(!store.recovery().unmarked);
    store.close().await.unwrap();
    let store = SqliteStore::open(directory).unwrap();
    assert_eq!(history::appends(&store).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_file_that_may_not_grow_refuses_appends_and_loses_nothing() {
    // Several limits, so that the log ends at different places within a commit.
    for blocks in [1024, 1500, 1777] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!(r#"trap "" XFSZ; ulimit -f {blocks} && exec "$@""#);
        let appends = filled(directory.path(), &script).expect("the case ends well");
        goes_on(directory.path(), appends).await;
    }
}

#[tokio::test]
async fn a_full_file_system_refuses_appends_until_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let keep = tempfile::tempdir().unwrap();
    // The file system goes with the process; the script keeps what is on it.
    let script = format!(
        r#"unshare -m sh -c '
             mount -t tmpfs -o size=1m tmpfs {directory} || exit 0
             head -c 300000 /dev/zero > {directory}/{FILLER}
             "$@"; cp {directory}/journal.* {keep}; echo "child: kept"' sh "$@""#,
        directory = directory.path().display(),
        keep = keep.path().display(),
    );
    let mut running = Running::start(child::command(
        "full_disk::fills_the_disk",
        directory.path(),
        Some(&script),
    ));
    let Some(told) = running.heard() else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    // The case ends by itself: the store is dropped, not closed.
    drop(running.process.stdin.take());
    assert_eq!(running.heard().as_deref(), Some("kept"));
    running.process.wait().unwrap();
    let appends: Vec<u64> = told
        .split(' ')
        .map(|appends| appends.parse().unwrap())
        .collect();
    goes_on(keep.path(), appends.try_into().unwrap()).await;
}
