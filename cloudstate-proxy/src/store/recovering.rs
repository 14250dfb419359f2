//! Follows how a store fares, and finds out when one that was in trouble takes something again.

use std::{sync::Arc, time::Duration};

use cloudstate_protocol::Any;
use tokio::time::sleep;

use super::{Change, EntityKey, EntityRef, Put, Store, StoreError, Trouble};

/// What is written to see whether anything can be. No entity type has a persistence id with a `|` in it.
const PROBE: (&str, &str) = ("cloudstate|probe", "store");
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells of trouble and of its end, for as long as the store is open.
///
/// Whoever hears of trouble stops sending clients here, and then nothing would be written that could show its end:
/// therefore something is.
pub(crate) async fn follow<F: Future<Output = ()>>(
    store: Arc<dyn Store>,
    tell: impl Fn(Option<Trouble>) -> F,
) {
    let Some(mut trouble) = store.trouble() else {
        return;
    };
    let probe = Arc::new(EntityRef::new(EntityKey {
        persistence_id: PROBE.0.into(),
        entity_id: PROBE.1.into(),
    }));
    loop {
        let now = trouble.borrow_and_update().clone();
        let is_over = now.is_none();
        tell(now).await;
        if is_over {
            if trouble.changed().await.is_err() {
                return;
            }
            continue;
        }
        sleep(PAUSE).await;
        // Success is told by the store itself, and so is another failure.
        let _ = try_to_write(&*store, &probe).await;
    }
}

async fn try_to_write(store: &dyn Store, probe: &Arc<EntityRef>) -> Result<u64, StoreError> {
    let stored = store.value(probe).await?;
    let put = Put {
        entity: Arc::clone(probe),
        after: stored.revision,
        change: Change::Whole(Any::primitive(&true)),
    };
    store.put(put).await
}
