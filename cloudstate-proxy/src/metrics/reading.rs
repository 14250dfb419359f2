//! Gauges that cost nothing until somebody looks: a function each.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

/// Gauges by name.
#[derive(Default)]
pub(super) struct Readings(Mutex<BTreeMap<&'static str, Reading>>);

struct Reading {
    help: &'static str,
    value: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Readings {
    pub(super) fn add(
        &self,
        name: &'static str,
        help: &'static str,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let value = Box::new(value);
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readings.insert(name, Reading { help, value });
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        let readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readings
            .iter()
            .map(|(name, reading)| gauge(name, reading.help, (reading.value)()))
            .collect()
    }
}

pub(super) fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    family(name, help, MetricType::GAUGE, Metric::from_gauge(gauge))
}

pub(super) fn counter(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    family(name, help, MetricType::COUNTER, metric)
}

fn family(name: &str, help: &str, kind: MetricType, metric: Metric) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}
