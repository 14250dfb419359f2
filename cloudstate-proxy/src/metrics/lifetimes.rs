//! How long entities were in memory, as a summary of the last minute.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary};
use tokio::time::Instant;

/// What a summary is about.
const WINDOW: Duration = Duration::from_secs(60);
/// Entities that a window holds at most. Where more leave within a minute, the last ones count.
const CAPACITY: usize = 1024;
const QUANTILES: [f64; 4] = [0.5, 0.95, 0.99, 1.0];

/// A family of summaries with one label.
pub(super) struct Lifetimes {
    name: String,
    label: &'static str,
    windows: Mutex<BTreeMap<String, Arc<Lifetime>>>,
}

/// The summary of one entity type.
#[derive(Debug, Default)]
pub(super) struct Lifetime(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    recent: VecDeque<(Instant, f64)>,
    count: u64,
    sum: f64,
}

impl Lifetimes {
    pub(super) fn new(name: String, label: &'static str) -> Self {
        Self {
            name,
            label,
            windows: Mutex::default(),
        }
    }

    pub(super) fn of(&self, value: &str) -> Arc<Lifetime> {
        Arc::clone(lock(&self.windows).entry(value.to_owned()).or_default())
    }

    /// The family, if it has a summary.
    pub(super) fn gather(&self) -> Option<MetricFamily> {
        let now = Instant::now();
        let metrics: Vec<Metric> = lock(&self.windows)
            .iter()
            .map(|(value, lifetime)| {
                let mut label = LabelPair::default();
                label.set_name(self.label.to_owned());
                label.set_value(value.clone());
                let mut metric = Metric::from_label(vec![label]);
                metric.set_summary(lifetime.summary(now));
                metric
            })
            .collect();
        let mut family = MetricFamily::default();
        family.set_name(self.name.clone());
        family.set_help(
            "How long entities were in memory; of those that left within a minute.".into(),
        );
        family.set_field_type(MetricType::SUMMARY);
        let any = !metrics.is_empty();
        family.set_metric(metrics);
        any.then_some(family)
    }
}

impl Lifetime {
    pub(super) fn observe(&self, time: Duration, now: Instant) {
        let mut window = lock(&self.0);
        let seconds = time.as_secs_f64();
        window.count += 1;
        window.sum += seconds;
        if window.recent.len() == CAPACITY {
            window.recent.pop_front();
        }
        window.recent.push_back((now, seconds));
    }

    fn summary(&self, now: Instant) -> Summary {
        let mut window = lock(&self.0);
        window
            .recent
            .retain(|(then, _)| now.duration_since(*then) <= WINDOW);
        let mut seconds: Vec<f64> = window.recent.iter().map(|(_, seconds)| *seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let mut summary = Summary::default();
        summary.set_sample_count(window.count);
        summary.set_sample_sum(window.sum);
        summary.set_quantile(QUANTILES.iter().map(|&q| quantile(q, &seconds)).collect());
        summary
    }
}

/// The smallest of the sorted values that as many are not above; not a number where there is none, as Prometheus has it.
fn quantile(quantile: f64, sorted: &[f64]) -> Quantile {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    let value = sorted.get(rank.saturating_sub(1));
    let mut result = Quantile::default();
    result.set_quantile(quantile);
    result.set_value(value.copied().unwrap_or(f64::NAN));
    result
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{CAPACITY, Lifetime, WINDOW};

    fn values(lifetime: &Lifetime, now: Instant) -> Vec<f64> {
        let summary = lifetime.summary(now);
        let quantiles = summary.get_quantile().iter();
        quantiles.map(|quantile| quantile.value()).collect()
    }

    #[test]
    fn quantiles_are_of_the_last_minute_and_totals_of_all_time() {
        let (lifetime, now) = (Lifetime::default(), Instant::now());
        assert!(values(&lifetime, now).iter().all(|value| value.is_nan()));
        for seconds in 1..=100 {
            lifetime.observe(Duration::from_secs(seconds), now);
        }
        assert_eq!(values(&lifetime, now), [50.0, 95.0, 99.0, 100.0]);
        let later = now + WINDOW + Duration::from_secs(1);
        lifetime.observe(Duration::from_secs(7), later);
        assert_eq!(values(&lifetime, later), [7.0; 4]);
        let summary = lifetime.summary(later);
        assert_eq!(
            (summary.sample_count(), summary.sample_sum()),
            (101, 5057.0)
        );
    }

    #[test]
    fn a_window_is_bounded() {
        let (lifetime, now) = (Lifetime::default(), Instant::now());
        for _ in 0..2 * CAPACITY {
            lifetime.observe(Duration::from_secs(1), now);
        }
        assert_eq!(lifetime.0.lock().unwrap().recent.len(), CAPACITY);
    }
}
