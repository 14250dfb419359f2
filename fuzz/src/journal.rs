//! A journal's files with bytes that are not as they were written: whatever is read was stored.

use std::{fs, path::Path, sync::Arc, sync::LazyLock};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{Append, Change, EntityKey, EntityRef, Put, SqliteStore, Store};
use tempfile::{TempDir, tempdir};
use tokio::runtime::{Builder, Runtime};

const EVENTS: u64 = 12;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().unwrap());

/// The database and its mark after a clean stop.
static FILES: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let directory = tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    RUNTIME.block_on(async {
        let [sourced, valued] = entities();
        for number in 1..=EVENTS {
            store
                .append(Append {
                    entity: Arc::clone(&sourced),
                    after: number - 1,
                    events: vec![payload(number)],
                    snapshot: (number == EVENTS / 2).then(|| payload(number)),
                })
                .await
                .unwrap();
        }
        for (after, change) in [
            (0, Change::Whole(payload(1))),
            (1, Change::Delta(payload(2))),
        ] {
            let put = Put {
                entity: Arc::clone(&valued),
                after,
                change,
            };
            store.put(put).await.unwrap();
        }
        store.close().await.unwrap();
    });
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    (read("journal.db"), read("journal.mark"))
});

/// Changes of the database: an offset in three bytes, and a byte to change it by.
pub(crate) fn target(data: &[u8]) {
    let (database, mark) = &*FILES;
    let mut database = database.clone();
    for change in data.chunks_exact(4).take(16) {
        let at = u32::from_be_bytes([0, change[0], change[1], change[2]]) as usize;
        let length = database.len();
        database[at % length] ^= change[3];
    }
    let directory = tempdir().unwrap();
    write(&directory, "journal.db", &database);
    write(&directory, "journal.mark", mark);
    check(directory.path());
}

fn check(directory: &Path) {
    // Refusing to open is an answer; what was damaged is named.
    let Ok(store) = SqliteStore::open(directory) else {
        return;
    };
    RUNTIME.block_on(async {
        let [sourced, valued] = entities();
        let (mut after, mut limit) = (0, EVENTS + 1);
        while let Ok(events) = store.events(&sourced, after, 5).await
            && let Some(last) = events.last()
        {
            let sequence = last.sequence;
            for (event, expected) in events.into_iter().zip(after + 1..) {
                assert_eq!(event.sequence, expected);
                assert_eq!(event.payload, payload(expected));
            }
            after = sequence;
            limit -= 1;
            assert!(limit > 0, "it never ends");
        }
        if let Ok(Some(snapshot)) = store.latest_snapshot(&sourced).await {
            assert_eq!(snapshot.payload, payload(snapshot.sequence));
        }
        if let Ok(value) = store.value(&valued).await
            && let Some(whole) = value.payload
        {
            assert_eq!((whole, value.deltas), (payload(1), vec![payload(2)]));
        }
        if let Ok(entries) = store.journal(0, 100).await {
            for entry in entries
                .iter()
                .filter(|entry| entry.entity == *sourced.key())
            {
                assert_eq!(entry.payload, payload(entry.sequence));
            }
        }
        let _ = store.close().await;
    });
}

fn write(directory: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(directory.path().join(name), bytes).unwrap();
}

fn entities() -> [Arc<EntityRef>; 2] {
    ["carts", "profiles"].map(|persistence_id| {
        Arc::new(EntityRef::new(EntityKey {
            persistence_id: persistence_id.into(),
            entity_id: "alice".into(),
        }))
    })
}

fn payload(number: u64) -> Any {
    Any {
        type_url: "type.googleapis.com/test.Event".into(),
        value: format!("event number {number}").into_bytes().into(),
    }
}
