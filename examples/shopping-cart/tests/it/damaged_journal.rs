//! Files that are not as they were written: what can be told is told, what is whole is served.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use rusqlite::Connection;
use tempfile::tempdir;
use tonic::Code;

use end_to_end::Running;

use crate::support::{
    programs::ServesCarts as _,
    random::Random,
    store::{ADDS, CARTS, JOURNAL, WAL, crashed, refused, service},
};

#[tokio::test]
async fn half_a_write_at_the_end_of_the_log_is_dropped_with_a_warning() {
    let (store, ledger) = crashed().await;
    let wal = store.path().join(WAL);
    // What a write leaves behind that the power failed in: the beginning of another frame of this log.
    let torn = fs::read(&wal).unwrap()[32..1032].to_vec();
    let mut log = OpenOptions::new().append(true).open(&wal).unwrap();
    log.write_all(&torn).unwrap();
    let restarted = service(store.path()).start();
    let counts = ledger.check(&restarted.cart().await).await;
    assert_eq!(counts.acknowledged, ADDS);
    let warning = format!("{}: dropped 1000 bytes", wal.display());
    assert!(restarted.wait_for_stderr(&warning), "{restarted}");
    assert!(restarted.stderr().contains("WARN"), "{restarted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_log_left_behind_the_end_is_nothing() {
    let (store, ledger) = crashed().await;
    let wal = store.path().join(WAL);
    let mut log = OpenOptions::new().append(true).open(&wal).unwrap();
    log.write_all(&[0x5a; 10_000]).unwrap();
    let restarted = service(store.path()).start();
    let counts = ledger.check(&restarted.cart().await).await;
    assert_eq!(counts.acknowledged, ADDS);
    let ended = restarted.terminate();
    assert!(!ended.stderr.contains("WARN"), "{ended:?}");
}

#[tokio::test]
async fn an_acknowledged_add_that_was_cut_off_is_missed() {
    let (store, _) = crashed().await;
    let wal = store.path().join(WAL);
    let log = OpenOptions::new().write(true).open(&wal).unwrap();
    let length = log.metadata().unwrap().len();
    log.set_len(length - 100).unwrap();
    // Each add was a commit of its own, and only the last one is cut.
    let missing = format!("the acknowledged event at position {ADDS} is missing");
    refused_unchanged(store.path(), &[wal.to_str().unwrap(), &missing]);

    let restarted = go_on_without(store.path());
    assert_eq!(all_lines(&restarted).await, ADDS - 1);
    restarted
        .cart()
        .await
        .add_item("cart-0", "after", 1)
        .await
        .unwrap();
    restarted.kill();
    let restarted = service(store.path()).start();
    assert_eq!(all_lines(&restarted).await, ADDS);
}

#[tokio::test]
async fn a_flipped_byte_in_the_log_is_refused_by_file_and_offset() {
    let (store, ledger) = crashed().await;
    let wal = store.path().join(WAL);
    let sound = fs::read(&wal).unwrap();
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x01;
    fs::write(&wal, &damaged).unwrap();
    // The frame that the byte is in: behind a header of 32 bytes, 24 and a page of 4096 each.
    let frame = 32 + (middle - 32) / (24 + 4096) * (24 + 4096);
    let offset = format!("offset {frame}");
    refused_unchanged(store.path(), &[wal.to_str().unwrap(), &offset]);

    // With the file as it was, all is as it was.
    fs::write(&wal, &sound).unwrap();
    let restarted = service(store.path()).start();
    let counts = ledger.check(&restarted.cart().await).await;
    assert_eq!(counts.acknowledged, ADDS);
}

/// `FLIP_SEED=n` for the same bits again.
#[tokio::test]
async fn any_flipped_bit_of_the_log_is_refused() {
    let seed = Random::seed("FLIP_SEED");
    println!("FLIP_SEED={seed}");
    let mut random = Random::new(seed);
    let (store, ledger) = crashed().await;
    let wal = store.path().join(WAL);
    let sound = fs::read(&wal).unwrap();
    for _ in 0..30 {
        let (at, bit) = (random.below(sound.len() as u64), random.below(8));
        println!("bit {bit} of byte {at}");
        let mut damaged = sound.clone();
        damaged[at as usize] ^= 1 << bit;
        fs::write(&wal, &damaged).unwrap();
        refused(&service(store.path()).run(), &[WAL, "damaged"]);
    }
    fs::write(&wal, &sound).unwrap();
    let restarted = service(store.path()).start();
    let counts = ledger.check(&restarted.cart().await).await;
    assert_eq!(counts.acknowledged, ADDS);
}

#[tokio::test]
async fn an_operator_can_go_on_without_what_is_damaged() {
    let (store, _) = crashed().await;
    let wal = store.path().join(WAL);
    let mut damaged = fs::read(&wal).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x01;
    fs::write(&wal, &damaged).unwrap();
    let restarted = go_on_without(store.path());
    let left = all_lines(&restarted).await;
    assert!((1..ADDS).contains(&left), "{left} of {ADDS}");
}

/// The service ends with 1, twice, and the files are as before; only the lock names another process.
fn refused_unchanged(store: &Path, named: &[&str]) {
    let before = files(store);
    for _ in 0..2 {
        refused(&service(store).run(), named);
        let after = files(store);
        assert!(before.keys().eq(after.keys()), "{:?}", after.keys());
        let changed = after.iter().filter(|(name, now)| before[*name] != **now);
        let changed: Vec<&String> = changed.map(|(name, _)| name).collect();
        assert!(changed.is_empty() || changed == ["lock"], "{changed:?}");
    }
}

/// Does what the refusal says one can do, to the letter.
fn go_on_without(store: &Path) -> Running {
    let advice = service(store).run().stderr;
    let (_, files) = advice
        .split_once("to go on without what is missing, delete ")
        .unwrap();
    for file in files.trim_end().split(" and ") {
        fs::remove_file(store.join(file)).unwrap();
    }
    let restarted = service(store).start();
    assert!(restarted.wait_for_stderr("journal.mark"), "{restarted}");
    restarted
}

async fn all_lines(service: &Running) -> usize {
    let grpc = service.cart().await;
    let mut lines = 0;
    for number in 0..CARTS {
        lines += grpc.lines(&format!("cart-{number}")).await.len();
    }
    lines
}

#[tokio::test]
async fn a_damaged_event_fails_its_own_cart_only() {
    let store = tempdir().unwrap();
    let running = service(store.path()).start();
    let grpc = running.cart().await;
    grpc.add_item("alice", "tea", 1).await.unwrap();
    grpc.add_item("bob", "tea", 1).await.unwrap();
    running.kill();
    let changed = change(
        store.path(),
        "UPDATE event SET payload = zeroblob(length(payload)) WHERE position = 1",
    );
    assert_eq!(changed, 1);
    let restarted = service(store.path()).start();
    let grpc = restarted.cart().await;
    for _ in 0..2 {
        let status = grpc.get_cart("alice").await.unwrap_err();
        assert_eq!(status.code(), Code::DataLoss, "{status:?}");
        assert!(status.message().contains(JOURNAL), "{status:?}");
        let status = grpc.add_item("alice", "pot", 1).await.unwrap_err();
        assert_eq!(status.code(), Code::DataLoss, "{status:?}");
        assert_eq!(grpc.lines("bob").await.len(), 1);
    }
    let refused = restarted.http().get("/carts/alice").await;
    assert_eq!(refused.status, 500, "{refused:?}");
    assert_eq!(grpc.connections(), 1);
}

#[tokio::test]
async fn a_damaged_snapshot_is_skipped() {
    let store = tempdir().unwrap();
    let running = service(store.path()).start();
    let grpc = running.cart().await;
    for number in 0..120 {
        let product = format!("product-{number}");
        grpc.add_item("alice", &product, 1).await.unwrap();
    }
    let lines = grpc.lines("alice").await;
    running.kill();
    let changed = change(store.path(), "UPDATE snapshot SET payload = x'ffff'");
    assert_eq!(changed, 1, "there is a snapshot");
    let restarted = service(store.path()).start();
    assert_eq!(restarted.cart().await.lines("alice").await, lines);
    assert!(restarted.wait_for_stderr("snapshot"), "{restarted}");
}

fn change(store: &Path, sql: &str) -> usize {
    let database = Connection::open(store.join(JOURNAL)).unwrap();
    database.execute(sql, []).unwrap()
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = directory.read_dir().unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}
