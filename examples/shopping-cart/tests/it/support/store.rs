//! Stores on disk, as tests start from and look at them.

use std::path::Path;

use tempfile::{TempDir, tempdir};

use end_to_end::{Ended, Program};

use super::{
    ledger::Ledger,
    programs::{self, ServesCarts as _},
};

pub(crate) const JOURNAL: &str = "journal.db";
pub(crate) const WAL: &str = "journal.db-wal";

/// The shopping cart on this store.
pub(crate) fn service(store: &Path) -> Program {
    programs::shopping_cart().store(store)
}

/// Exit code 1, with everything on stderr that the operator has to know, and no word of being ready.
pub(crate) fn refused(ended: &Ended, named: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.stdout.contains("ready"), "{ended:?}");
    for named in named {
        let count = ended.stderr.matches("cannot be opened").count();
        assert_eq!(count, 1, "said once: {ended:?}");
        assert!(
            ended.stderr.contains(named),
            "`{named}` is not in {ended:?}"
        );
    }
}

pub(crate) const ADDS: usize = 30;
pub(crate) const CARTS: usize = 5;

/// A store as `kill -9` leaves it, all of it still in the write-ahead log.
pub(crate) async fn crashed() -> (TempDir, Ledger) {
    let store = tempdir().unwrap();
    let ledger = Ledger::default();
    let running = service(store.path()).start();
    let grpc = running.cart().await;
    for number in 0..ADDS {
        let cart = format!("cart-{}", number % CARTS);
        ledger
            .add(&grpc, &cart, &format!("product-{number}"))
            .await
            .unwrap();
    }
    running.kill();
    (store, ledger)
}
