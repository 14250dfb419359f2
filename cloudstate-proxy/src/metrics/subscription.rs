//! Messages on their way to subscriptions.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::family::Maker;
use crate::catalog::{Source, Subscription};

pub(super) struct SubscriptionFamilies {
    handled: IntCounterVec,
    dead_letters: IntCounterVec,
    discarded: IntCounterVec,
    retries: IntCounterVec,
    position: IntGaugeVec,
}

/// The meters of one subscription.
#[derive(Debug)]
pub(crate) struct SubscriptionMeters {
    /// Messages that a method has handled, or refused.
    pub(crate) handled: IntCounter,
    /// Messages that were given up on.
    pub(crate) dead_letters: IntCounter,
    /// Dead letters that had to go for later ones.
    pub(crate) discarded: IntCounter,
    /// Attempts that failed and are repeated.
    pub(crate) retries: IntCounter,
    /// Of the last event that has been dealt with.
    pub(crate) position: IntGauge,
}

impl SubscriptionFamilies {
    pub(super) fn new(registry: &Registry) -> Self {
        let make = Maker {
            registry,
            prefix: "cloudstate_eventing_",
            labels: &["service", "source", "consumer_group"],
        };
        Self {
            handled: make.counter(
                "handled_messages_total",
                "Messages that a subscribed method has handled.",
            ),
            dead_letters: make.counter(
                "dead_letters_total",
                "Messages that could not be handled and have become dead letters.",
            ),
            discarded: make.counter(
                "discarded_dead_letters_total",
                "Dead letters that were discarded because there were too many.",
            ),
            retries: make.counter(
                "retries_total",
                "Attempts that failed and are repeated.",
            ),
            position: make.gauge(
                "position",
                "Position up to which messages have been dealt with, in the journal or in the topic.",
            ),
        }
    }

    pub(super) fn of(&self, subscription: &Subscription) -> SubscriptionMeters {
        let source = match &subscription.source {
            Source::EventLog(name) => format!("event log {name}"),
            Source::Topic(name) => format!("topic {name}"),
        };
        let labels = [&*subscription.service, &*source, &*subscription.group];
        SubscriptionMeters {
            handled: self.handled.with_label_values(&labels),
            dead_letters: self.dead_letters.with_label_values(&labels),
            discarded: self.discarded.with_label_values(&labels),
            retries: self.retries.with_label_values(&labels),
            position: self.position.with_label_values(&labels),
        }
    }
}
