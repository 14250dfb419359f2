//! How families of metrics are made.

use std::slice;

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector};

use super::times::TimesFamily;

/// Upper bounds for times, in seconds: from a command in memory to one that has nearly timed out.
pub(crate) const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// Adds a family to a registry.
///
/// # Panics
/// There is one of this name already, or the name is none.
pub(crate) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    family: prometheus::Result<C>,
) -> C {
    let family = family.expect("the names of metrics and labels are literals, and well-formed");
    let added = registry.register(Box::new(family.clone()));
    added.expect("each name is registered once");
    family
}

/// A maker of families whose names begin alike and whose labels are the same.
pub(super) struct Maker<'a> {
    pub(super) registry: &'a Registry,
    pub(super) prefix: &'a str,
    pub(super) labels: &'a [&'a str],
}

impl Maker<'_> {
    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounterVec {
        register(
            self.registry,
            IntCounterVec::new(Opts::new(self.name(name), help), self.labels),
        )
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGaugeVec {
        register(
            self.registry,
            IntGaugeVec::new(Opts::new(self.name(name), help), self.labels),
        )
    }

    /// A histogram of times in seconds.
    pub(super) fn times(&self, name: &str, help: &str) -> TimesFamily {
        register(
            self.registry,
            TimesFamily::new(self.name(name), help, self.labels),
        )
    }

    pub(super) fn volume(&self, what: &str, help: &str) -> VolumeFamily {
        VolumeFamily {
            count: self.counter(&format!("{what}s_total"), &format!("{help}.")),
            bytes: self.counter(
                &format!("{what}_bytes_total"),
                &format!("{help}: bytes of their payloads."),
            ),
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// How many, and how large.
pub(super) struct VolumeFamily {
    count: IntCounterVec,
    bytes: IntCounterVec,
}

impl VolumeFamily {
    pub(super) fn of(&self, label: &str) -> Volume {
        let label = slice::from_ref(&label);
        Volume {
            count: self.count.with_label_values(label),
            bytes: self.bytes.with_label_values(label),
        }
    }
}

/// How many, and how large.
#[derive(Debug)]
pub(crate) struct Volume {
    count: IntCounter,
    bytes: IntCounter,
}

impl Volume {
    pub(super) fn add(&self, count: u64, bytes: u64) {
        self.count.inc_by(count);
        self.bytes.inc_by(bytes);
    }
}
