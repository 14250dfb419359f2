//! Directories that are in use, or of no use.

use std::{fs, path::Path, sync::Arc};

use cloudstate_proxy::store::{OpenError, SqliteStore, Store, StoreError};
use futures_util::future::join_all;

use crate::{
    child::{self, Running},
    files::DATABASE,
    history,
};

#[track_caller]
fn in_use(directory: &Path, by: u32) -> String {
    match SqliteStore::open(directory).unwrap_err() {
        error @ OpenError::InUse {
            owner: Some(owner), ..
        } => {
            assert_eq!(owner, by);
            error.to_string()
        }
        other => panic!("in use, not: {other}"),
    }
}

#[tokio::test]
async fn a_directory_has_one_store_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    for number in 1..=20 {
        let store = SqliteStore::open(directory.path()).unwrap();
        store.append(history::append(0, number)).await.unwrap();
        let text = in_use(directory.path(), std::process::id());
        assert!(text.contains("by this process"), "{text}");
        // Refusing has disturbed nobody, and closing frees the directory by the time it says so.
        let commit = store.append(history::append(1, number));
        store.close().await.unwrap();
        commit.await.unwrap();
        assert_eq!(
            store.append(history::append(1, number + 1)).await,
            Err(StoreError::Closed)
        );
        store.close().await.unwrap();
    }
    // Dropping closes too, only later.
    let store = SqliteStore::open(directory.path()).unwrap();
    let commits: Vec<_> = (21..=40)
        .map(|number| store.append(history::append(0, number)))
        .collect();
    drop(store);
    let store = loop {
        match SqliteStore::open(directory.path()) {
            Ok(store) => break store,
            Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(join_all(commits).await.iter().all(Result::is_ok));
    let appends = history::appends(&store).await.unwrap();
    assert_eq!(appends, [(0, 40), (1, 20)].into());
}

/// How many files in the directory this process has open; 0 where the system does not tell.
fn open_files(directory: &Path) -> usize {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return 0;
    };
    descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok())
        .filter(|target| target.starts_with(directory))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_reads_and_lets_no_more_begin() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        if round == 0 {
            history::write_at_once(&store, 0, 1..=200).await;
        }
        if cfg!(target_os = "linux") {
            assert!(open_files(directory.path()) > 0);
        }
        let reads: Vec<_> = (0..50)
            .map(|_| tokio::spawn(store.journal(0, 1000)))
            .collect();
        store.close().await.unwrap();
        assert_eq!(store.last_position().await, Err(StoreError::Closed));
        assert_eq!(open_files(directory.path()), 0);
        let entity = history::reference(0);
        assert_eq!(store.events(&entity, 0, 1).await, Err(StoreError::Closed));
        for read in join_all(reads).await {
            match read.unwrap() {
                Ok(page) => assert_eq!(page.len() as u64, history::last_sequence(200)),
                Err(error) => assert_eq!(error, StoreError::Closed),
            }
        }
    }
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn holds_the_directory() {
    let Some(directory) = child::directory() else {
        return;
    };
    let _store = SqliteStore::open(&directory).unwrap();
    child::say("open");
    child::wait_for_parent();
}

#[test]
fn another_process_is_named_until_it_dies() {
    let directory = tempfile::tempdir().unwrap();
    let mut holder = Running::start(child::command(
        "directory::holds_the_directory",
        directory.path(),
        None,
    ));
    assert_eq!(holder.heard().as_deref(), Some("open"));
    let text = in_use(directory.path(), holder.process.id());
    assert!(text.contains("stop it"), "{text}");
    holder.kill();
    SqliteStore::open(directory.path()).unwrap();
}

#[track_caller]
fn useless(directory: &Path, names: &Path) {
    match SqliteStore::open(directory).unwrap_err() {
        error @ OpenError::Io { .. } => {
            let text = error.to_string();
            assert!(text.contains(&names.display().to_string()), "{text}");
            assert!(text.contains("a directory that it can write to"), "{text}");
        }
        other => panic!("of no use, not: {other}"),
    }
}

#[test]
fn a_file_where_a_directory_should_be_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "something").unwrap();
    useless(&file, &file);
    let below = file.join("below/it");
    useless(&below, &below);
    assert_eq!(fs::read(&file).unwrap(), b"something");
    // What is missing above the directory is made.
    let deep = parent.path().join("a/b/c");
    drop(SqliteStore::open(&deep).unwrap());
    assert!(deep.join(DATABASE).exists());
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn says_why_it_cannot_open() {
    if let Some(directory) = child::directory() {
        let opened = SqliteStore::open(&directory);
        child::say(&opened.map_or_else(|error| error.to_string(), |_| "open".into()));
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_read_only_is_named() {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    };

    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = child::command("directory::says_why_it_cannot_open", directory.path(), None);
    if directory.path().metadata().unwrap().uid() == 0 {
        // Permissions do not bind root. Another user may not even be allowed to run this binary.
        command.uid(65534).gid(65534).current_dir("/");
    }
    let Ok(probe) = command.output() else {
        eprintln!("skipped: another user cannot run this binary");
        return;
    };
    let said = String::from_utf8_lossy(&probe.stdout).into_owned();
    let lock = directory.path().join("lock");
    let expected = format!("{}: cannot open for writing", lock.display());
    assert!(said.contains(&expected), "{said}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Somebody looks with `sqlite3` while the service is restarted.
#[tokio::test]
async fn a_reader_in_another_program_does_not_keep_a_store_from_opening() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=2).await;
    let looking = rusqlite::Connection::open(directory.path().join(DATABASE)).unwrap();
    let count = || {
        looking.query_row("SELECT count(*) FROM journal", [], |row| {
            row.get::<_, u64>(0)
        })
    };
    assert_eq!(count().unwrap(), 3 * history::last_sequence(2));
    store.close().await.unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 3..=3).await;
    assert_eq!(count().unwrap(), 3 * history::last_sequence(3));
    assert_eq!(history::appends(&store).await.unwrap().len(), 3);
}
