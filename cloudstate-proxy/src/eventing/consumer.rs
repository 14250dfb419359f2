//! One subscription: reads the journal, calls methods, remembers how far it has come.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::{cloud_event, position::Position};
use crate::{
    call::{Call, CallError},
    catalog::Subscription,
    router::Router,
    store::{JournalEntry, Store, StoreError},
};

/// Events read from the journal at a time.
const PAGE: usize = 256;
/// Shortest and longest pause before something is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

#[derive(Debug)]
pub(super) struct Consumer {
    router: Router,
    store: Arc<dyn Store>,
    subscription: Arc<Subscription>,
    stop: CancellationToken,
}

/// The subscription is to stop.
struct Stopping;

impl Consumer {
    pub(super) fn new(
        router: Router,
        store: Arc<dyn Store>,
        subscription: Arc<Subscription>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            router,
            store,
            subscription,
            stop,
        }
    }

    /// Handles events until it is stopped, and waits for more where there are none.
    pub(super) async fn run(self) {
        let load = || Position::load(&*self.store, &self.subscription);
        let Ok(mut position) = self.persist("its position cannot be read", load).await else {
            return;
        };
        while self.follow(&mut position).await.is_ok() {}
        if position.due().is_some() {
            self.remember(&mut position).await;
        }
    }

    /// Handles the events that there are, then waits for more, or until the position is to be stored.
    async fn follow(&self, position: &mut Position) -> Result<(), Stopping> {
        let mut grown = self.store.grown();
        while *grown.borrow_and_update() > position.at() {
            let after = position.at();
            let read = || self.store.journal(after, PAGE);
            let page = self.persist("the journal cannot be read", read).await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                let reached = entry.position;
                if *entry.entity.persistence_id == *self.subscription.event_log {
                    self.handle(entry).await?;
                }
                position.reached(reached);
                if self.stop.is_cancelled() {
                    return Err(Stopping);
                }
                if position.due().is_some_and(|due| due <= Instant::now()) {
                    self.remember(position).await;
                }
            }
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

    /// Calls the method for an event until that has been dealt with.
    async fn handle(&self, entry: JournalEntry) -> Result<(), Stopping> {
        let mut pause = BACKOFF.0;
        loop {
            match self.deliver(&entry).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_refusal() => {
                    tracing::warn!(
                        service = self.subscription.service, entity = %entry.entity, sequence = entry.sequence,
                        %error, "an event was refused; it does not come again"
                    );
                    return Ok(());
                }
                Err(error) => tracing::error!(
                    service = self.subscription.service, entity = %entry.entity, sequence = entry.sequence,
                    %error, retry_in = ?pause, "an event could not be handled, and those behind it wait"
                ),
            }
            self.pause(&mut pause).await?;
        }
    }

    async fn deliver(&self, entry: &JournalEntry) -> Result<(), CallError> {
        let type_url = &entry.payload.type_url;
        let Some(method) = self.subscription.method(type_url) else {
            let text = format!(
                "no method takes events of type {type_url}: add one, or one that takes google.protobuf.Any"
            );
            return Err(CallError::new(Code::Unimplemented, text));
        };
        let call = Call {
            method: Arc::clone(method),
            payload: entry.payload.value.clone(),
            payload_type: Some(type_url.clone()),
            metadata: self
                .router
                .wants_metadata(method)
                .then(|| cloud_event::metadata(entry)),
        };
        self.router.carry_out(call).await
    }

    /// Stores the position. If that fails, events may come again, and nothing else.
    async fn remember(&self, position: &mut Position) {
        if let Err(error) = position.store(&*self.store).await {
            tracing::warn!(
                service = self.subscription.service, event_log = self.subscription.event_log, %error,
                "the position of a subscription could not be stored; events may come again"
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
                Err(error) => tracing::error!(
                    service = self.subscription.service, event_log = self.subscription.event_log, %error,
                    retry_in = ?pause, "a subscription waits: {trouble}"
                ),
            }
            self.pause(&mut pause).await?;
        }
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
