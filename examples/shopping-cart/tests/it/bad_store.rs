//! Directories that cannot be a store, and disks that are full.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tempfile::tempdir;
use tonic::Code;

use end_to_end::lasting_port;

use crate::support::{
    ledger::Ledger,
    programs::{self, ServesCarts as _},
    store::{ADDS, JOURNAL, crashed, refused, service},
};

// What waits for a program must not stop the client's connection from answering pings.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_use_is_refused_with_its_owner() {
    let store = tempdir().unwrap();
    let owner = service(store.path()).start();
    let grpc = owner.cart().await;
    grpc.add_item("alice", "tea", 1).await.unwrap();
    let directory = store.path().to_str().unwrap();
    let pid = owner.id().to_string();
    refused(&service(store.path()).run(), &[directory, &pid]);
    // By any of its names.
    let link = tempdir().unwrap();
    let link = link.path().join("link");
    std::os::unix::fs::symlink(store.path(), &link).unwrap();
    refused(&service(&link).run(), &[&pid]);

    // By the other program, too.
    let port = lasting_port();
    let _user_function = programs::user_function(port).start();
    let sidecar = programs::proxy(port).store(store.path()).run();
    refused(&sidecar, &[directory, &pid]);

    grpc.add_item("alice", "tea", 1).await.unwrap();
    owner.kill();
    // The dead do not own.
    let lines = service(store.path())
        .start()
        .cart()
        .await
        .lines("alice")
        .await;
    assert_eq!(lines, [("tea".to_owned(), 2)]);
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "something else").unwrap();
    refused(&service(&file).run(), &[file.to_str().unwrap()]);
    let below = file.join("store");
    refused(&service(&below).run(), &[below.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "something else");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let parent = tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let store = parent.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::set_permissions(&store, Permissions::from_mode(0o555)).unwrap();
    let ended = service(&store).unprivileged().run();
    refused(&ended, &[store.to_str().unwrap()]);
    let missing = store.join("missing");
    let ended = service(&missing).unprivileged().run();
    refused(&ended, &[missing.to_str().unwrap()]);
    assert_eq!(store.read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_directory_is_created_with_its_parents() {
    let parent = tempdir().unwrap();
    let store = parent.path().join("a/b/store");
    let by_scheme = format!("file:{}", store.display());
    let service = programs::shopping_cart()
        .env("CLOUDSTATE_STORE", by_scheme)
        .start();
    service
        .cart()
        .await
        .add_item("alice", "tea", 1)
        .await
        .unwrap();
    assert!(store.join(JOURNAL).is_file());
}

#[test]
fn a_journal_that_is_none_is_refused_and_left_alone() {
    let store = tempdir().unwrap();
    let text = "This is not a journal, but somebody may need it. ".repeat(100);
    fs::write(store.path().join(JOURNAL), &text).unwrap();
    refused(&service(store.path()).run(), &[JOURNAL]);
    assert_eq!(
        fs::read_to_string(store.path().join(JOURNAL)).unwrap(),
        text
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let store = tempdir().unwrap();
    // No file may become larger than this; what writes on is not killed, but told.
    let full = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\"";
    let limited = service(store.path()).through_shell(full).start();
    let grpc = limited.cart().await;
    let ledger = Ledger::default();
    let mut added = 0;
    let status = loop {
        let cart = format!("cart-{}", added % 10);
        match ledger.add(&grpc, &cart, &format!("product-{added}")).await {
            Ok(()) => added += 1,
            Err(status) => break status,
        }
        assert!(added < 100_000, "the limit is never met");
    };
    assert!(added > 0);
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.message().contains("journal"), "{status:?}");
    // The process lives on, and what was there can be read.
    for number in 0..20 {
        let cart = format!("cart-{}", number % 10);
        let more = ledger.add(&grpc, &cart, &format!("more-{number}")).await;
        if let Err(status) = more {
            assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        }
    }
    ledger.check(&grpc).await;
    let ended = limited.terminate();
    assert!(ended.code.is_some(), "{ended:?}");

    let unlimited = service(store.path()).start();
    let grpc = unlimited.cart().await;
    let before = ledger.check(&grpc).await;
    assert!(before.acknowledged >= added, "{before}");
    ledger.add(&grpc, "cart-0", "after").await.unwrap();
    unlimited.kill();
    let unlimited = service(store.path()).start();
    let grpc = unlimited.cart().await;
    assert_eq!(
        ledger.check(&grpc).await.acknowledged,
        before.acknowledged + 1
    );
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_start_is_refused_and_loses_nothing() {
    let (store, ledger) = crashed().await;
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    let ended = service(store.path()).through_shell(full).run();
    refused(&ended, &[store.path().to_str().unwrap()]);
    let restarted = service(store.path()).start();
    let counts = ledger.check(&restarted.cart().await).await;
    assert_eq!(counts.acknowledged, ADDS);
}
