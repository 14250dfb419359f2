//! Both engines against the conformance suite.

use std::sync::Arc;

use cloudstate_proxy::store::{MemoryStore, SqliteStore, Store, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_engine_conforms() {
    conformance::check(|| {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        conformance::Subject {
            reopen: Box::new(move || Arc::clone(&store)),
            durable: false,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_engine_conforms() {
    conformance::check(|| {
        let directory = tempfile::tempdir().unwrap();
        let reopen =
            move || -> Arc<dyn Store> { Arc::new(SqliteStore::open(directory.path()).unwrap()) };
        conformance::Subject {
            reopen: Box::new(reopen),
            durable: true,
        }
    })
    .await;
}
