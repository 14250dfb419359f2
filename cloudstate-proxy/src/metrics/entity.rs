//! Entities of one type: their lives in memory, their commands, and what is stored of them.

use std::{slice, sync::Arc};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, proto::MetricFamily};
use tokio::time::Instant;

use super::{
    Limit, Rejections,
    family::{Maker, Volume, VolumeFamily},
    lifetimes::{Lifetime, Lifetimes},
    times::{Times, TimesFamily},
};
use crate::{catalog::EntityKind, store::StoreError};

/// Its value is the entity type's persistence id.
const LABEL: &str = "entity_name";

/// The families of one kind of entity.
pub(super) struct EntityFamilies {
    live: IntGaugeVec,
    activated: IntCounterVec,
    passivated: IntCounterVec,
    active_time: Lifetimes,
    failed: IntCounterVec,
    recovery_time: TimesFamily,
    received: IntCounterVec,
    stashed: IntCounterVec,
    unstashed: IntCounterVec,
    stash_time: TimesFamily,
    processing_time: TimesFamily,
    failed_commands: IntCounterVec,
    completed: IntCounterVec,
    total_time: TimesFamily,
    persist_time: TimesFamily,
    persisted: VolumeFamily,
    loaded: VolumeFamily,
    /// Persisted and loaded, where there are any.
    snapshots: Option<(VolumeFamily, VolumeFamily)>,
    deleted: Option<IntCounterVec>,
    rejections: Arc<Rejections>,
}

/// The meters of one entity type.
#[derive(Debug)]
pub(crate) struct EntityMeters {
    live: IntGauge,
    activated: IntCounter,
    passivated: IntCounter,
    active_time: Arc<Lifetime>,
    failed: IntCounter,
    recovery_time: Times,
    received: IntCounter,
    stashed: IntCounter,
    unstashed: IntCounter,
    stash_time: Times,
    processing_time: Times,
    failed_commands: IntCounter,
    completed: IntCounter,
    total_time: Times,
    persist_time: Times,
    persisted: Volume,
    loaded: Volume,
    snapshots: Option<(Volume, Volume)>,
    deleted: Option<IntCounter>,
    rejections: Arc<Rejections>,
}

impl EntityFamilies {
    pub(super) fn new(registry: &Registry, kind: EntityKind, rejections: &Arc<Rejections>) -> Self {
        let (prefix, stored, persisted, loaded) = match kind {
            EntityKind::EventSourced => (
                "cloudstate_eventsourced_",
                "event",
                "Events that have been stored",
                "Events that have been read to bring an entity into memory",
            ),
            EntityKind::Value | EntityKind::Crdt | EntityKind::Action => (
                if kind == EntityKind::Crdt {
                    "cloudstate_crdt_"
                } else {
                    "cloudstate_valueentity_"
                },
                "value",
                "Values that have been stored",
                "Values that have been read to bring an entity into memory",
            ),
        };
        let make = Maker {
            registry,
            prefix,
            labels: slice::from_ref(&LABEL),
        };
        let snapshots = || {
            (
                make.volume("persisted_snapshot", "Snapshots that have been stored"),
                make.volume(
                    "loaded_snapshot",
                    "Snapshots that have been read to bring an entity into memory",
                ),
            )
        };
        Self {
            live: make.gauge("live_entities", "Entities in memory."),
            activated: make.counter(
                "activated_entities_total",
                "Entities that were brought into memory; one that is loaded anew counts again.",
            ),
            passivated: make.counter(
                "passivated_entities_total",
                "Entities that left memory, for whatever reason.",
            ),
            active_time: Lifetimes::new(format!("{prefix}entity_active_time_seconds"), LABEL),
            failed: make.counter(
                "failed_entities_total",
                "Entities that were given up because they failed, or could not be loaded or stored.",
            ),
            recovery_time: make.times(
                "recovery_time_seconds",
                "How long it took to bring an entity into memory.",
            ),
            received: make.counter("received_commands_total", "Commands for entities."),
            stashed: make.counter(
                "stashed_commands_total",
                "Commands that found their entity busy or not in memory, and waited.",
            ),
            unstashed: make.counter(
                "unstashed_commands_total",
                "Commands that have waited and have begun, or whose callers have gone.",
            ),
            stash_time: make.times("command_stash_time_seconds", "How long commands waited."),
            processing_time: make.times(
                "command_processing_time_seconds",
                "How long the user function took over a command.",
            ),
            failed_commands: make.counter(
                "failed_commands_total",
                "Commands that were answered with a refusal or another error, or whose callers gave up.",
            ),
            completed: make.counter(
                "completed_commands_total",
                "Commands that were answered, in whatever way, or whose callers gave up.",
            ),
            total_time: make.times(
                "command_total_time_seconds",
                "From the arrival of a command to its answer, with what it stored being durable.",
            ),
            persist_time: make.times(
                "persist_time_seconds",
                "How long it took until what a command changed was durable.",
            ),
            persisted: make.volume(&format!("persisted_{stored}"), persisted),
            loaded: make.volume(&format!("loaded_{stored}"), loaded),
            snapshots: (kind == EntityKind::EventSourced).then(snapshots),
            deleted: (kind != EntityKind::EventSourced)
                .then(|| make.counter("deleted_values_total", "Values that have been deleted.")),
            rejections: Arc::clone(rejections),
        }
    }

    pub(super) fn of(&self, persistence_id: &str) -> EntityMeters {
        let label = slice::from_ref(&persistence_id);
        let counter = |family: &IntCounterVec| family.with_label_values(label);
        let times = |family: &TimesFamily| family.with_label_values(label);
        EntityMeters {
            live: self.live.with_label_values(label),
            activated: counter(&self.activated),
            passivated: counter(&self.passivated),
            active_time: self.active_time.of(persistence_id),
            failed: counter(&self.failed),
            recovery_time: times(&self.recovery_time),
            received: counter(&self.received),
            stashed: counter(&self.stashed),
            unstashed: counter(&self.unstashed),
            stash_time: times(&self.stash_time),
            processing_time: times(&self.processing_time),
            failed_commands: counter(&self.failed_commands),
            completed: counter(&self.completed),
            total_time: times(&self.total_time),
            persist_time: times(&self.persist_time),
            persisted: self.persisted.of(persistence_id),
            loaded: self.loaded.of(persistence_id),
            snapshots: self
                .snapshots
                .as_ref()
                .map(|(stored, loaded)| (stored.of(persistence_id), loaded.of(persistence_id))),
            deleted: self.deleted.as_ref().map(counter),
            rejections: Arc::clone(&self.rejections),
        }
    }

    pub(super) fn lifetimes(&self) -> Option<MetricFamily> {
        self.active_time.gather()
    }
}

impl EntityMeters {
    /// The user function has replied to a command that it was given then.
    pub(crate) fn processed(&self, since: Instant) {
        self.processing_time.observe(since.elapsed());
    }

    /// Events or values, and how many bytes, have been read for an entity.
    pub(crate) fn loaded(&self, count: u64, bytes: u64) {
        self.loaded.add(count, bytes);
    }

    /// A snapshot has been read for an entity.
    pub(crate) fn loaded_snapshot(&self, bytes: u64) {
        if let Some((_, loaded)) = &self.snapshots {
            loaded.add(1, bytes);
        }
    }

    /// Counts a command that a limit has turned away.
    pub(crate) fn rejected(&self, limit: Limit) {
        self.rejections.count(limit);
    }
}

/// A time of an entity in memory. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Life {
    meters: Arc<EntityMeters>,
    since: Instant,
}

impl Life {
    /// An entity begins to be brought into memory.
    pub(crate) fn begin(meters: &Arc<EntityMeters>) -> Self {
        meters.activated.inc();
        meters.live.inc();
        Self {
            meters: Arc::clone(meters),
            since: Instant::now(),
        }
    }

    /// The entity can take commands.
    pub(crate) fn loaded(&self) {
        self.meters.recovery_time.observe(self.since.elapsed());
    }

    /// The entity has left, or is given up.
    pub(crate) fn ended(self, failed: bool) {
        if failed {
            self.meters.failed.inc();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.meters.passivated.inc();
        self.meters.live.dec();
        let now = Instant::now();
        self.meters.active_time.observe(now - self.since, now);
    }
}

/// Measures one command, until it is dropped.
#[derive(Debug)]
pub(crate) struct CommandMeter {
    meters: Arc<EntityMeters>,
    since: Instant,
    stashed: bool,
    failed: bool,
}

impl CommandMeter {
    /// A command that has just come in.
    pub(crate) fn new(meters: &Arc<EntityMeters>) -> Self {
        meters.received.inc();
        Self {
            meters: Arc::clone(meters),
            since: Instant::now(),
            stashed: false,
            // What it is if nothing else is said: it was dropped.
            failed: true,
        }
    }

    /// It has to wait.
    pub(crate) fn stash(&mut self) {
        self.stashed = true;
        self.meters.stashed.inc();
    }

    /// It has waited, if it had to.
    pub(crate) fn unstash(&mut self) {
        if std::mem::take(&mut self.stashed) {
            self.meters.unstashed.inc();
            self.meters.stash_time.observe(self.since.elapsed());
        }
    }

    /// It is answered.
    pub(crate) fn answered(mut self, well: bool) {
        self.failed = !well;
    }
}

impl Drop for CommandMeter {
    fn drop(&mut self) {
        self.unstash();
        let meters = &self.meters;
        meters.completed.inc();
        if self.failed {
            meters.failed_commands.inc();
        }
        meters.total_time.observe(self.since.elapsed());
    }
}

/// Measures what is on its way to the store.
#[derive(Debug)]
pub(crate) struct Persisting {
    pub(crate) meters: Arc<EntityMeters>,
    pub(crate) since: Instant,
    /// Events or values, and bytes of their payloads.
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// Bytes of a snapshot, if there is one.
    pub(crate) snapshot: Option<u64>,
    /// Whether a value is deleted.
    pub(crate) deletes: bool,
}

impl Persisting {
    /// It is durable, or will not be.
    pub(crate) fn done<T>(&self, result: &Result<T, StoreError>) {
        let meters = &*self.meters;
        match result {
            Ok(_) => {
                meters.persist_time.observe(self.since.elapsed());
                meters.persisted.add(self.count, self.bytes);
            }
            Err(error) => {
                if matches!(error, StoreError::Overloaded { .. }) {
                    meters.rejected(Limit::WaitingWrites);
                }
                return;
            }
        }
        if let (Some(bytes), Some((persisted, _))) = (self.snapshot, &meters.snapshots) {
            persisted.add(1, bytes);
        }
        if let (true, Some(deleted)) = (self.deletes, &meters.deleted) {
            deleted.inc();
        }
    }
}
