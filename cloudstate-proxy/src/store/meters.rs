//! What an engine measures.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, PullingGauge, core::Collector};

/// Upper bounds for the number of writes that share a transaction.
const WRITES: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0,
];

/// The meters of an engine that writes in groups.
#[derive(Clone, Debug)]
pub(super) struct StoreMeters {
    commit_time: Histogram,
    commit_writes: Histogram,
    failed_commits: IntCounter,
}

impl StoreMeters {
    pub(super) fn new() -> Self {
        let histogram = |name: &str, help: &str, bounds: &[f64]| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))
                .expect("the name is a literal and well-formed, and the bounds ascend")
        };
        Self {
            commit_time: histogram(
                "cloudstate_store_commit_time_seconds",
                "How long a transaction took, with its sync.",
                crate::metrics::SECONDS,
            ),
            commit_writes: histogram(
                "cloudstate_store_commit_writes",
                "Writes that shared a transaction.",
                WRITES,
            ),
            failed_commits: IntCounter::new(
                "cloudstate_store_failed_commits_total",
                "Transactions that failed.",
            )
            .expect("the name is a literal and well-formed"),
        }
    }

    /// A transaction of so many writes is durable.
    pub(super) fn committed(&self, writes: usize, time: Duration) {
        self.commit_time.observe(time.as_secs_f64());
        self.commit_writes.observe(writes as f64);
    }

    /// A transaction did not happen.
    pub(super) fn failed(&self) {
        self.failed_commits.inc();
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.commit_time.clone()),
            Box::new(self.commit_writes.clone()),
            Box::new(self.failed_commits.clone()),
        ]
    }
}

/// A gauge that costs nothing until it is read.
pub(super) fn reading(
    name: &str,
    help: &str,
    value: impl Fn() -> f64 + Send + Sync + 'static,
) -> Box<dyn Collector> {
    let gauge = PullingGauge::new(name, help, Box::new(value));
    Box::new(gauge.expect("the name is a literal and well-formed"))
}
