//! Calls that a limit has turned away.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::register;

/// A limit at which calls are turned away.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Requests,
    WaitingCommands,
    LiveEntities,
    StreamsPerEntity,
    /// What waits for the disk.
    WaitingWrites,
}

/// In the order of [`Limit`]: the settings, as far as there is one.
const LABELS: [&str; 5] = [
    "CLOUDSTATE_MAX_REQUESTS",
    "CLOUDSTATE_MAX_WAITING_COMMANDS",
    "CLOUDSTATE_MAX_LIVE_ENTITIES",
    "CLOUDSTATE_MAX_STREAMS_PER_ENTITY",
    "waiting writes",
];

#[derive(Debug)]
pub(crate) struct Rejections([IntCounter; LABELS.len()]);

impl Rejections {
    pub(super) fn new(registry: &Registry) -> Self {
        let options = Opts::new(
            "cloudstate_rejected_calls_total",
            "Calls answered RESOURCE_EXHAUSTED, by the limit that was reached.",
        );
        let family = register(registry, IntCounterVec::new(options, &["limit"]));
        Self(LABELS.map(|label| family.with_label_values(&[label])))
    }

    pub(crate) fn count(&self, limit: Limit) {
        self.0[limit as usize].inc();
    }
}
