//! What an operator does with a journal that is in use: look into it, copy it, start from the copy.

use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};
use tempfile::tempdir;

use crate::support::{
    ledger::Ledger,
    programs::{self, ServesCarts as _},
};

fn open(store: &Path) -> Connection {
    let journal = store.join("journal.db");
    Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_service_can_be_copied_and_the_copy_served() {
    let (store, copy) = (tempdir().unwrap(), tempdir().unwrap());
    let service = programs::shopping_cart().store(store.path()).start();
    let grpc = service.cart().await;
    let before = Ledger::default();
    for number in 0..150 {
        before
            .add(&grpc, "alice", &format!("before-{number}"))
            .await
            .unwrap();
    }
    // The copy is made while more is added.
    let (database, target) = (open(store.path()), copy.path().join("journal.db"));
    let copying = tokio::task::spawn_blocking(move || {
        let target = target.to_str().unwrap();
        database.execute("VACUUM INTO ?1", [target]).unwrap();
    });
    for number in 0..50 {
        let product = format!("during-{number}");
        grpc.add_item("bob", &product, 1).await.unwrap();
    }
    copying.await.unwrap();
    service.kill();

    let copied = programs::shopping_cart().store(copy.path()).start();
    let counts = before.check(&copied.cart().await).await;
    assert_eq!(counts.acknowledged, 150);
    assert!(copied.wait_for_stderr("journal.mark"), "{copied}");
    copied.terminate();
    let again = programs::shopping_cart().store(copy.path()).start();
    let ended = again.terminate();
    assert!(!ended.stderr.contains("WARN"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_journal_under_a_newer_mark_is_noticed() {
    let (store, copy) = (tempdir().unwrap(), tempdir().unwrap());
    let start = || programs::shopping_cart().store(store.path()).start();
    let service = start();
    let grpc = service.cart().await;
    grpc.add_item("alice", "tea", 1).await.unwrap();
    let target = copy.path().join("journal.db");
    let text = target.to_str().unwrap();
    open(store.path())
        .execute("VACUUM INTO ?1", [text])
        .unwrap();
    grpc.add_item("alice", "pot", 1).await.unwrap();
    assert_eq!(service.terminate().code, Some(0));

    fs::copy(&target, store.path().join("journal.db")).unwrap();
    let ended = programs::shopping_cart().store(store.path()).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let missing = "the acknowledged event at position 2 is missing";
    assert!(ended.stderr.contains(missing), "{ended:?}");
    fs::remove_file(store.path().join("journal.mark")).unwrap();
    let lines = start().cart().await.lines("alice").await;
    assert_eq!(lines, [("tea".to_owned(), 1)]);
}

#[tokio::test]
async fn the_journal_can_be_read_by_people() {
    let store = tempdir().unwrap();
    let service = programs::shopping_cart().store(store.path()).start();
    let grpc = service.cart().await;
    grpc.add_item("alice", "tea", 1).await.unwrap();
    grpc.remove_item("alice", "tea").await.unwrap();
    let database = open(store.path());
    let mut journal = database
        .prepare("SELECT position, persistence_id, entity_id, sequence, type FROM journal")
        .unwrap();
    let rows = journal.query_map([], |row| {
        let position: u64 = row.get(0)?;
        let texts: [String; 3] = [row.get(1)?, row.get(2)?, row.get(4)?];
        Ok((position, texts.join(" "), row.get::<_, u64>(3)?))
    });
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    let prefix = "shopping-cart alice type.googleapis.com/com.example.shoppingcart.persistence";
    assert_eq!(
        rows,
        [
            (1, format!("{prefix}.ItemAdded"), 1),
            (2, format!("{prefix}.ItemRemoved"), 2),
        ]
    );
    // Somebody who looks does not keep the service from writing.
    grpc.add_item("alice", "pot", 1).await.unwrap();
}
