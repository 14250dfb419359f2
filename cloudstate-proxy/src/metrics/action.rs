//! Calls of actions.

use std::{slice, sync::Arc};

use cloudstate_protocol::cloudstate::client_action::Action;
use prometheus::{IntCounter, IntCounterVec, Registry};
use tokio::time::Instant;

use super::{
    family::Maker,
    times::{Times, TimesFamily},
};
use crate::call::{CallError, Outcome};

pub(super) struct ActionFamilies {
    received: IntCounterVec,
    failed: IntCounterVec,
    completed: IntCounterVec,
    processing_time: TimesFamily,
}

/// The meters of one action.
#[derive(Clone, Debug)]
pub(crate) struct ActionMeters(Arc<Meters>);

#[derive(Debug)]
struct Meters {
    received: IntCounter,
    failed: IntCounter,
    completed: IntCounter,
    processing_time: Times,
}

/// Measures one call, until it is dropped.
#[derive(Debug)]
pub(crate) struct ActionMeter {
    meters: ActionMeters,
    since: Instant,
    failed: bool,
}

impl ActionFamilies {
    pub(super) fn new(registry: &Registry) -> Self {
        let make = Maker {
            registry,
            prefix: "cloudstate_action_",
            labels: &["service"],
        };
        Self {
            received: make.counter("received_commands_total", "Calls of actions."),
            failed: make.counter(
                "failed_commands_total",
                "Calls that ended with a refusal or another error, or were given up.",
            ),
            completed: make.counter(
                "completed_commands_total",
                "Calls that ended, in whatever way.",
            ),
            processing_time: make.times(
                "command_processing_time_seconds",
                "How long the user function took over a call; over all of it, where it is a stream.",
            ),
        }
    }

    pub(super) fn of(&self, service: &str) -> ActionMeters {
        let label = slice::from_ref(&service);
        ActionMeters(Arc::new(Meters {
            received: self.received.with_label_values(label),
            failed: self.failed.with_label_values(label),
            completed: self.completed.with_label_values(label),
            processing_time: self.processing_time.with_label_values(label),
        }))
    }
}

impl ActionMeters {
    /// A call begins.
    pub(crate) fn call(&self) -> ActionMeter {
        self.0.received.inc();
        ActionMeter {
            meters: self.clone(),
            since: Instant::now(),
            // Unless it is said that it went well: whoever drops a call cancels it.
            failed: true,
        }
    }
}

impl ActionMeter {
    /// Takes note of how it goes: what came last counts.
    pub(crate) fn watch(
        &mut self,
        outcome: Result<Outcome, CallError>,
    ) -> Result<Outcome, CallError> {
        self.failed = match &outcome {
            Ok(outcome) => matches!(outcome.action, Some(Action::Failure(_))),
            Err(_) => true,
        };
        outcome
    }
}

impl Drop for ActionMeter {
    fn drop(&mut self) {
        let meters = &self.meters.0;
        meters.completed.inc();
        if self.failed {
            meters.failed.inc();
        }
        meters.processing_time.observe(self.since.elapsed());
    }
}
