//! One stretch of an entity's life in memory: loaded once, then serving commands, many at a time, until it is idle, is
//! deleted, or has to be loaded anew.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use cloudstate_protocol::{
    Any,
    cloudstate::{Command, StreamCancelled, crdt::crdt_stream_in::Message as In},
};
use futures_util::future::ready;
use tokio::{
    task::coop::consume_budget,
    time::{Instant, Sleep, sleep_until},
};
use tonic::Code;

use super::{
    CrdtHost, End, Loaded, Parked,
    deletion::entity_deleted,
    ending::{Changes, Ending},
    exchange::Exchange,
    listeners::{Gone, Listeners},
    outbox::{Outbox, Parcel},
    replica::Replica,
    storage::Storage,
};
use crate::{
    call::CallError,
    entity::{Envelope, Inbox, LINGER, Lost, Respond, Wanted, closing::CLOSE_TIMEOUT},
    metrics::Limit,
    store::EntityKey,
    trace::Trace,
};

/// How many commands may be with the user function or wait for their answer to leave, before the next one is begun.
const PIPELINE: usize = 1024;
/// How much may wait for the store before the user function is heard again.
const OUTBOX: usize = 8192;
/// How many messages may wait for a user function that does not read them, before the next command is begun.
const UNSENT: usize = 64;

/// A loaded entity.
pub(super) struct Activation<'a> {
    pub(super) host: &'a CrdtHost,
    pub(super) key: &'a EntityKey,
    storage: Storage,
    pub(super) exchange: Exchange,
    pub(super) replica: Replica,
    pub(super) outbox: Outbox,
    pub(super) listeners: Listeners,
    last_command: i64,
    /// Commands that the user function has not replied to, by their ids.
    pub(super) running: BTreeMap<i64, Running>,
    /// Streamed commands whose clients have gone away and of which the user function has been told, until it answers.
    pub(super) cancelled: BTreeMap<i64, Cancelled>,
    /// When the user function deleted the entity. Its stream has been half-closed since.
    deleted: Option<Instant>,
    /// The process is stopping: what is in progress is finished, and nobody listens any more.
    stopping: bool,
    /// What the user function is to be told that it did wrong.
    pub(super) complaint: Option<String>,
    /// Due when something has taken too long, or the entity is idle; or earlier.
    timer: Pin<Box<Sleep>>,
}

/// A command that the user function has been given.
pub(super) struct Running {
    pub(super) respond: Respond,
    /// Whether the response is a stream.
    pub(super) streamed: bool,
    pub(super) since: Instant,
    pub(super) trace: Trace,
}

/// A cancellation that the user function has been told of.
pub(super) struct Cancelled {
    /// Where its side effects go.
    pub(super) lost: Lost,
    since: Instant,
}

impl<'a> Activation<'a> {
    /// An entity that nothing has been asked of yet.
    pub(super) fn new(host: &'a CrdtHost, key: &'a EntityKey, loaded: Loaded) -> Self {
        let soon = host.limits.passivate_after.min(host.limits.command_timeout);
        Self {
            host,
            key,
            storage: loaded.storage,
            exchange: loaded.exchange,
            replica: loaded.replica,
            outbox: Outbox::default(),
            listeners: Listeners::default(),
            last_command: loaded.last_command,
            running: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            deleted: None,
            stopping: false,
            complaint: None,
            timer: Box::pin(sleep_until(Instant::now() + soon)),
        }
    }

    /// What is left of it when it is at rest.
    pub(super) fn into_loaded(mut self) -> Loaded {
        self.exchange.shrink();
        Loaded {
            storage: self.storage,
            exchange: self.exchange,
            replica: self.replica,
            last_command: self.last_command,
        }
    }

    /// Serves commands until the activation is over, or the entity can be parked. Whoever waited for something has been
    /// answered then.
    ///
    /// What happens all the time is decided without waiting; what is rare has a box of its own, so that an entity that is
    /// idle is not as large as its end.
    pub(super) async fn serve(&mut self, inbox: &mut Inbox<Parked>, wanted: Wanted) -> End {
        let host = self.host;
        if wanted == Wanted::ToLeave && inbox.is_empty() {
            return Box::pin(self.end(Ending::Idle)).await;
        }
        let mut last_used = Instant::now();
        let mut lingers = wanted == Wanted::Again && host.may_park();
        let patience =
            if lingers { LINGER } else { Duration::MAX }.min(host.limits.passivate_after);
        self.due_by(last_used + patience);
        let mut stopping = pin!(host.live.stopping());
        loop {
            // A burst must not keep clients from reading what they are sent.
            consume_budget().await;
            let ending = tokio::select! {
                biased;
                written = self.outbox.written(), if self.outbox.is_writing() => {
                    written.err().map(Ending::Lost)
                }
                message = self.exchange.next(), if self.outbox.len() < OUTBOX => {
                    last_used = Instant::now();
                    self.hear(message)
                }
                gone = self.listeners.next_gone(), if self.listeners.is_watching() => {
                    if let Some(gone) = gone {
                        last_used = Instant::now();
                        self.cancel(gone);
                    }
                    None
                }
                envelope = inbox.next(), if self.has_room() => {
                    last_used = Instant::now();
                    self.begin(envelope);
                    None
                }
                () = ready(()), if !lingers && self.is_at_rest() => {
                    // Who listens no more is not to be woken: the task would stay in memory.
                    let mut nobody = Context::from_waker(Waker::noop());
                    match self.exchange.poll_next(&mut nobody) {
                        Poll::Pending => return End::AtRest { since: last_used },
                        Poll::Ready(message) => self.hear(message),
                    }
                }
                () = &mut self.timer => match self.tick(last_used, patience) {
                    Some(Ending::Idle) if lingers => {
                        lingers = false;
                        None
                    }
                    ending => ending,
                },
                () = &mut stopping, if !self.stopping => {
                    self.stop();
                    None
                }
            };
            if let Some(complaint) = self.complaint.take() {
                self.report(&complaint);
            }
            if let Some(ending) = ending.or_else(|| self.proceed(inbox)) {
                return Box::pin(self.end(ending)).await;
            }
        }
    }

    /// What follows from whatever has just happened.
    fn proceed(&mut self, inbox: &Inbox<Parked>) -> Option<Ending> {
        if self.is_undisturbed()
            && let Some(delta) = self.replica.news()
        {
            self.exchange.send(In::Delta(delta));
        }
        self.write();
        while let Some(parcel) = self.outbox.next_ready() {
            if let Some(gone) = self.dispatch(parcel) {
                self.cancel(gone);
            }
        }
        let finished = self.stopping && self.is_quiet() && inbox.is_empty();
        finished.then_some(Ending::Stopped)
    }

    pub(super) fn write(&mut self) {
        let (deleted, replica, storage) = (self.is_deleted(), &mut self.replica, &mut self.storage);
        self.outbox.write(|| {
            if deleted {
                storage.delete()
            } else {
                storage.write(replica)
            }
        });
    }

    /// Hands a parcel over. Gives the client that was cut off by it.
    pub(super) fn dispatch(&mut self, parcel: Parcel) -> Option<Gone> {
        match parcel {
            Parcel::Reply { respond, result } => respond.send(result),
            Parcel::Message {
                command,
                outcome,
                last,
            } => {
                let meters = &self.host.live.meters;
                return self.listeners.deliver(command, outcome, last, meters);
            }
            Parcel::Effects { lost, effects } => lost.carry_out(effects),
        }
        None
    }

    /// Whether a change from elsewhere would not meet a change that the user function is about to make.
    pub(super) fn is_undisturbed(&self) -> bool {
        self.running.is_empty() && self.cancelled.is_empty()
    }

    /// Whether nothing is in progress and nobody listens.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_undisturbed() && self.outbox.is_empty() && self.listeners.is_empty()
    }

    /// Whether the entity can be parked.
    fn is_at_rest(&self) -> bool {
        self.is_quiet()
            && !self.is_deleted()
            && self.exchange.waiting() == 0
            && self.host.may_park()
    }

    fn has_room(&self) -> bool {
        self.running.len() + self.outbox.len() < PIPELINE && self.exchange.waiting() < UNSENT
    }

    /// Gives a command to the user function.
    fn begin(&mut self, envelope: Envelope) {
        let Envelope { call, respond } = envelope;
        let streamed = call.method.shape.streams_out();
        if let Some(error) = self.objection(streamed) {
            return respond.send(Err(error));
        }
        self.last_command += 1;
        self.exchange.send(In::Command(Command {
            entity_id: self.key.entity_id.to_string(),
            id: self.last_command,
            name: call.method.name.to_string(),
            payload: Some(Any {
                type_url: call.method.request_type_url.clone(),
                value: call.payload,
            }),
            streamed,
            metadata: call.metadata,
        }));
        let since = self.start_clock();
        let running = Running {
            respond,
            streamed,
            since,
            trace: call.trace,
        };
        self.running.insert(self.last_command, running);
    }

    fn objection(&self, streamed: bool) -> Option<CallError> {
        if self.is_deleted() {
            return Some(entity_deleted());
        }
        if !streamed {
            return None;
        }
        if self.stopping {
            return Some(CallError::stopping());
        }
        let limit = self.host.limits.listeners;
        // What has yet to be replied to may become a stream.
        let streams = self.running.values().filter(|running| running.streamed);
        (self.listeners.len() + streams.count() >= limit).then(|| {
            self.host.live.meters.rejected(Limit::StreamsPerEntity);
            CallError::exhausted(format!(
                "{limit} streams are open to entity `{}` of {}, the most that CLOUDSTATE_MAX_STREAMS_PER_ENTITY \
                 allows; try again later",
                self.key.entity_id, self.host.live.service.name
            ))
        })
    }

    /// Tells the user function that a client listens no more.
    pub(super) fn cancel(&mut self, gone: Gone) {
        let Gone { command, lost } = gone;
        if self.is_deleted() {
            return;
        }
        self.exchange.send(In::StreamCancelled(StreamCancelled {
            entity_id: self.key.entity_id.to_string(),
            id: command,
        }));
        let since = self.start_clock();
        self.cancelled.insert(command, Cancelled { lost, since });
    }

    /// The user function has to answer something from now on.
    fn start_clock(&mut self) -> Instant {
        let now = Instant::now();
        self.due_by(now + self.host.limits.command_timeout);
        now
    }

    fn due_by(&mut self, deadline: Instant) {
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        for gone in self.listeners.fail_all(&CallError::stopping()) {
            self.cancel(gone);
        }
    }

    /// The user function has deleted the entity: it is told nothing any more, and may finish what it has begun.
    pub(super) fn delete(&mut self) {
        let now = Instant::now();
        self.outbox.changed();
        self.deleted = Some(now);
        self.due_by(now + CLOSE_TIMEOUT);
        self.exchange.close();
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    /// Sees whether the entity has been idle, or something in progress, for too long; otherwise sets the timer anew.
    fn tick(&mut self, last_used: Instant, patience: Duration) -> Option<Ending> {
        let now = Instant::now();
        let limits = self.host.limits;
        let running = self.running.values().map(|running| running.since);
        let oldest = running
            .chain(self.cancelled.values().map(|cancelled| cancelled.since))
            .min();
        let due = match (self.deleted, oldest) {
            (Some(deleted), _) => deleted + CLOSE_TIMEOUT,
            (None, Some(oldest)) => oldest + limits.command_timeout,
            (None, None) if self.is_quiet() => last_used + patience,
            // Somebody listens, or waits for the store.
            (None, None) => now + limits.passivate_after,
        };
        if due > now {
            // A command that is answered soon leaves an entity that is idle from then on.
            let due = due.min(now + patience);
            self.timer.as_mut().reset(due);
            return None;
        }
        if self.is_deleted() {
            tracing::warn!(entity = %self.key, "the user function did not complete its stream within {CLOSE_TIMEOUT:?}");
            return Some(Ending::Buried);
        }
        if oldest.is_none() {
            return Some(Ending::Idle);
        }
        let limit = limits.command_timeout;
        let _logged = self
            .running
            .first_key_value()
            .and_then(|(_, running)| running.trace.entered());
        tracing::error!(entity = %self.key, ?limit, "the user function took too long over a command");
        let text =
            format!("the entity did not answer within {limit:?} (CLOUDSTATE_COMMAND_TIMEOUT)");
        Some(Ending::GiveUp {
            error: CallError::new(Code::DeadlineExceeded, text),
            changes: Changes::Keep,
            report: None,
        })
    }
}
