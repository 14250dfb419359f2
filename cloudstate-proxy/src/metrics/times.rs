//! Histograms of times that threads do not share while they observe.
//!
//! Each command is observed four times. The library's histograms take four atomic changes for that, all of them in
//! cache lines that every core writes to; these take two, in lines of the observing thread.

use std::{
    array,
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus::{
    core::{Collector, Desc},
    proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

use super::SECONDS;

/// Threads that observe without disturbing each other; the next ones share.
const PARTS: usize = 8;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The part of each histogram that this thread writes to.
    static PART: usize = THREADS.fetch_add(1, Relaxed) % PARTS;
}

/// A family of histograms, told apart by labels. Clones are the same family.
#[derive(Clone, Debug)]
pub(super) struct TimesFamily(Arc<Family>);

#[derive(Debug)]
struct Family {
    desc: Desc,
    members: Mutex<BTreeMap<Vec<String>, Times>>,
}

/// A histogram of times. Clones are the same histogram.
#[derive(Clone)]
pub(super) struct Times(Arc<[Part; PARTS]>);

/// What some of the threads have observed. It begins with a cache line, so that no two have one in common.
#[derive(Debug)]
#[repr(align(64))]
struct Part {
    /// By the bounds in [`SECONDS`], then those above all.
    counts: [AtomicU64; SECONDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl TimesFamily {
    /// # Errors
    /// The name or a label is not well-formed.
    pub(super) fn new(name: String, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let desc = Desc::new(name, help.to_owned(), labels, HashMap::new())?;
        let members = Mutex::default();
        Ok(Self(Arc::new(Family { desc, members })))
    }

    /// The histogram with these values of the labels, which are as many.
    pub(super) fn with_label_values(&self, values: &[&str]) -> Times {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let mut members = self
            .0
            .members
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        members.entry(values).or_default().clone()
    }
}

impl Collector for TimesFamily {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Family { desc, members } = &*self.0;
        let members = members.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = members.iter().map(|(values, times)| {
            let label = |(name, value): (&String, &String)| {
                let mut label = LabelPair::default();
                label.set_name(name.clone());
                label.set_value(value.clone());
                label
            };
            let mut labels: Vec<_> = desc.variable_labels.iter().zip(values).map(label).collect();
            labels.sort();
            let mut metric = Metric::from_label(labels);
            metric.set_histogram(times.histogram());
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(desc.fq_name.clone());
        family.set_help(desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics.collect());
        vec![family]
    }
}

impl Times {
    pub(super) fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let above = SECONDS.iter().take_while(|&&bound| seconds > bound).count();
        let part = &self.0[PART.with(|part| *part)];
        part.counts[above].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        part.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    /// What has been observed so far. What is being observed may be in the counts, and not yet in the sum.
    fn histogram(&self) -> Histogram {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(SECONDS.len());
        for index in 0..=SECONDS.len() {
            let counts = self.0.iter().map(|part| part.counts[index].load(Relaxed));
            count += counts.sum::<u64>();
            if let Some(&bound) = SECONDS.get(index) {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(count);
                buckets.push(bucket);
            }
        }
        let sums = self.0.iter().map(|part| part.nanoseconds.load(Relaxed));
        let mut histogram = Histogram::default();
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sums.map(|sum| sum as f64 / 1e9).sum());
        histogram.set_bucket(buckets);
        histogram
    }
}

impl Default for Times {
    fn default() -> Self {
        Self(Arc::new(array::from_fn(|_| Part {
            counts: array::from_fn(|_| AtomicU64::new(0)),
            nanoseconds: AtomicU64::new(0),
        })))
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use prometheus::{Registry, TextEncoder};

    use super::TimesFamily;

    #[test]
    fn times_of_all_threads_are_gathered_as_prometheus_has_them() {
        let family =
            TimesFamily::new("time_seconds".into(), "How long.", &["service", "method"]).unwrap();
        let registry = Registry::new();
        registry.register(Box::new(family.clone())).unwrap();
        let times = family.with_label_values(&["Cart", "AddItem"]);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    times.observe(Duration::from_micros(100));
                    times.observe(Duration::from_micros(101));
                    times.observe(Duration::from_secs(31));
                });
            }
        });
        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        let of = r#"{method="AddItem",service="Cart""#;
        for line in [
            "# HELP time_seconds How long.".to_owned(),
            "# TYPE time_seconds histogram".to_owned(),
            format!(r#"time_seconds_bucket{of},le="0.0001"}} 20"#),
            format!(r#"time_seconds_bucket{of},le="0.00025"}} 40"#),
            format!(r#"time_seconds_bucket{of},le="30"}} 40"#),
            format!(r#"time_seconds_bucket{of},le="+Inf"}} 60"#),
            format!("time_seconds_sum{of}}} 620.00402"),
            format!("time_seconds_count{of}}} 60"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
