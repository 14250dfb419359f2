//! Subscriptions: methods that are called with the events of an entity type, or with what is published to a topic, each
//! at least once and in order.
//!
//! A message that a method fails over is tried again, and kept as a dead letter once it has been tried often enough;
//! those behind it then have their turn.

mod cloud_event;
mod consumer;
mod dead_letters;
mod kept;
mod letter;
mod log;
mod position;
mod subscriber;

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{router::Router, settings::Settings, store::Store};
use consumer::Consumer;
use subscriber::Subscriber;

pub use dead_letters::{DeadLetterError, DeadLetters, Replayed};
pub use letter::{DeadLetter, LetterSource};

/// The running subscriptions of a catalog.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Subscriptions {
    /// Starts each where it left off.
    pub(crate) fn start(
        router: &Router,
        store: &Arc<dyn Store>,
        dead_letters: &Arc<DeadLetters>,
        settings: &Settings,
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let subscribers: Vec<_> = router
            .catalog()
            .subscriptions
            .iter()
            .map(|subscription| Subscriber::new(router.clone(), Arc::clone(subscription)))
            .map(Arc::new)
            .collect();
        dead_letters.may_ask(subscribers.clone());
        for subscriber in subscribers {
            let consumer = Consumer::new(
                subscriber,
                Arc::clone(store),
                Arc::clone(dead_letters),
                settings,
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

    /// Lets each finish the message that it is at, and remember where it is.
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
