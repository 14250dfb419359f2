//! Calls that a limit has turned away, and connections that one has closed.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::register;

/// A limit at which calls are turned away, or connections closed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Requests,
    WaitingCommands,
    LiveEntities,
    StreamsPerEntity,
    MessageSize,
    RequestTimeout,
    HeadTimeout,
    /// What waits for the disk.
    WaitingWrites,
    /// What waits for a client of a CRDT entity that does not read.
    UnreadMessages,
}

/// In the order of [`Limit`]: the settings, as far as there is one.
const LABELS: [&str; 9] = [
    "CLOUDSTATE_MAX_REQUESTS",
    "CLOUDSTATE_MAX_WAITING_COMMANDS",
    "CLOUDSTATE_MAX_LIVE_ENTITIES",
    "CLOUDSTATE_MAX_STREAMS_PER_ENTITY",
    "CLOUDSTATE_MAX_MESSAGE_SIZE",
    "CLOUDSTATE_REQUEST_TIMEOUT",
    "CLOUDSTATE_HEAD_TIMEOUT",
    "waiting writes",
    "unread messages",
];

#[derive(Debug)]
pub(crate) struct Rejections([IntCounter; LABELS.len()]);

impl Rejections {
    pub(super) fn new(registry: &Registry) -> Self {
        let options = Opts::new(
            "cloudstate_rejected_calls_total",
            "Calls turned away and connections closed, by the limit that was reached.",
        );
        let family = register(registry, IntCounterVec::new(options, &["limit"]));
        Self(LABELS.map(|label| family.with_label_values(&[label])))
    }

    pub(crate) fn count(&self, limit: Limit) {
        self.0[limit as usize].inc();
    }
}
