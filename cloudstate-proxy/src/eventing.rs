//! Event-log subscriptions: methods that are called with the events of an entity type, each at least once and in order.

mod cloud_event;
mod consumer;
mod position;

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{router::Router, store::Store};
use consumer::Consumer;

/// The running subscriptions of a catalog.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Subscriptions {
    /// Starts each where it left off.
    pub(crate) fn start(router: &Router, store: &Arc<dyn Store>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        for subscription in &router.catalog().subscriptions {
            let consumer = Consumer::new(
                router.clone(),
                Arc::clone(store),
                Arc::clone(subscription),
                stop.clone(),
            );
            tasks.spawn(consumer.run());
        }
        tasks.close();
        Self { tasks, stop }
    }

    /// None at all.
    pub(crate) fn none() -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.close();
        Self { tasks, stop }
    }

    /// Lets each finish the event that it is at, and remember where it is.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Subscriptions {
    /// The store may be closed from here on.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
