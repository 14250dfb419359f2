//! One subscription: reads its source, calls methods, remembers how far it has come.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    dead_letters::DeadLetters,
    letter::DeadLetter,
    log::{Incoming, Log},
    position::Position,
    subscriber::{Failed, Subscriber},
};
use crate::{
    catalog::Subscription,
    metrics::SubscriptionMeters,
    settings::Settings,
    store::{Store, StoreError},
};

/// Shortest and longest pause before something is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

#[derive(Debug)]
pub(super) struct Consumer {
    subscriber: Arc<Subscriber>,
    store: Arc<dyn Store>,
    log: Log,
    dead_letters: Arc<DeadLetters>,
    /// How often a method may fail over a message; for ever where there is no number.
    attempts: Option<u32>,
    meters: SubscriptionMeters,
    stop: CancellationToken,
}

/// The subscription is to stop.
struct Stopping;

impl Consumer {
    pub(super) fn new(
        subscriber: Arc<Subscriber>,
        store: Arc<dyn Store>,
        dead_letters: Arc<DeadLetters>,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Self {
        let source = subscriber.subscription().source.clone();
        let meters = subscriber.meters();
        Self {
            log: Log::new(Arc::clone(&store), source),
            subscriber,
            store,
            dead_letters,
            attempts: (settings.eventing_attempts > 0).then_some(settings.eventing_attempts),
            meters,
            stop,
        }
    }

    /// Handles messages until it is stopped, and waits for more where there are none.
    pub(super) async fn run(self) {
        let load = || Position::load(&*self.store, self.subscription());
        let Ok(mut position) = self.persist("its position cannot be read", load).await else {
            return;
        };
        self.meters.position.set(position.at() as i64);
        while self.follow(&mut position).await.is_ok() {}
        if position.due().is_some() {
            self.remember(&mut position).await;
        }
    }

    fn subscription(&self) -> &Subscription {
        self.subscriber.subscription()
    }

    /// Handles the messages that there are, then waits for more, or until the position is to be stored.
    async fn follow(&self, position: &mut Position) -> Result<(), Stopping> {
        let mut grown = self.store.grown();
        loop {
            let last = *grown.borrow_and_update();
            if self.log.ends_at(position.at(), last) {
                break;
            }
            let after = position.at();
            let read = || self.log.read(after);
            let Some(page) = self.persist("its source cannot be read", read).await? else {
                break;
            };
            for message in page.messages {
                let reached = message.position;
                self.handle(&message, position).await?;
                position.reached(reached);
                self.between_messages(position).await?;
            }
            position.reached(page.reached);
            self.meters.position.set(position.at() as i64);
            self.between_messages(position).await?;
        }
        let due = position.due();
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopping),
            grown = grown.changed() => grown.map_err(|_| Stopping),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                self.remember(position).await;
                Ok(())
            }
        }
    }

    async fn between_messages(&self, position: &mut Position) -> Result<(), Stopping> {
        if self.stop.is_cancelled() {
            return Err(Stopping);
        }
        if position.due().is_some_and(|due| due <= Instant::now()) {
            self.remember(position).await;
        }
        Ok(())
    }

    /// Calls the method for a message until that has been dealt with, or been tried often enough.
    async fn handle(&self, message: &Incoming, position: &mut Position) -> Result<(), Stopping> {
        let mut pause = BACKOFF.0;
        let mut attempts = 0;
        loop {
            let delivered = self
                .subscriber
                .deliver(&message.payload, &message.metadata)
                .await;
            let Err(failed) = delivered else {
                self.meters.handled.inc();
                return Ok(());
            };
            let is_enough = match (&failed, self.attempts) {
                (Failed::Trouble(_), _) | (_, None) => false,
                // It would not help.
                (Failed::NoMethod(_), Some(_)) => true,
                (Failed::Method(_), Some(limit)) => {
                    attempts += 1;
                    attempts >= limit
                }
            };
            let subscription = self.subscription();
            let (service, source) = (&subscription.service, &subscription.source);
            let (place, reason) = (message.position, failed.reason());
            if is_enough {
                let letter = DeadLetter::new(&self.subscriber, message, &failed, attempts);
                tracing::error!(
                    service, %source, place, attempts, reason, dead_letter = letter.id,
                    "a message could not be handled and is kept as a dead letter; those behind it go on"
                );
                self.meters.dead_letters.inc();
                return self.bury(&letter, position).await;
            }
            self.meters.retries.inc();
            tracing::error!(
                service, %source, place, reason, retry_in = ?pause,
                "a message could not be handled, and those behind it wait"
            );
            self.pause(&mut pause).await?;
        }
    }

    /// Keeps a message as a dead letter and goes on behind it, both in one commit.
    async fn bury(&self, letter: &DeadLetter, position: &mut Position) -> Result<(), Stopping> {
        let mut pause = BACKOFF.0;
        loop {
            match self.dead_letters.bury(letter, position).await {
                Ok(discarded) => {
                    self.tell_of_discarded(discarded);
                    return Ok(());
                }
                Err(error) => {
                    self.complain("a dead letter cannot be stored", &error, pause);
                }
            }
            self.pause(&mut pause).await?;
        }
    }

    fn tell_of_discarded(&self, discarded: usize) {
        if discarded == 0 {
            return;
        }
        self.meters.discarded.inc_by(discarded as u64);
        let Subscription {
            service, source, ..
        } = self.subscription();
        tracing::warn!(
            service, %source, discarded,
            "more dead letters than CLOUDSTATE_MAX_DEAD_LETTERS allows: the oldest have been discarded"
        );
    }

    /// Stores the position. If that fails, messages may come again, and nothing else.
    async fn remember(&self, position: &mut Position) {
        if let Err(error) = position.store(&*self.store).await {
            let Subscription {
                service, source, ..
            } = self.subscription();
            tracing::warn!(
                service, %source, %error,
                "the position of a subscription could not be stored; messages may come again"
            );
        }
    }

    /// Tries until it succeeds.
    async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        trouble: &str,
        attempt: impl Fn() -> F,
    ) -> Result<T, Stopping> {
        let mut pause = BACKOFF.0;
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => self.complain(trouble, &error, pause),
            }
            self.pause(&mut pause).await?;
        }
    }

    fn complain(&self, trouble: &str, error: &StoreError, pause: Duration) {
        let Subscription {
            service, source, ..
        } = self.subscription();
        tracing::error!(service, %source, %error, retry_in = ?pause, "a subscription waits: {trouble}");
    }

    async fn pause(&self, pause: &mut Duration) -> Result<(), Stopping> {
        tokio::select! {
            () = self.stop.cancelled() => return Err(Stopping),
            () = sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(BACKOFF.1);
        Ok(())
    }
}
