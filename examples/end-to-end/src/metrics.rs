//! What a program says of itself on its operators' port.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{Http, Running};

/// The text of one `GET /metrics`, read.
#[derive(Debug)]
pub struct Metrics {
    /// Type of each family, by its name.
    pub types: BTreeMap<String, String>,
    /// Everything that has a value.
    pub samples: Vec<Sample>,
}

/// One line with a value.
#[derive(Debug)]
pub struct Sample {
    /// The family's name, with what histograms and summaries add to it.
    pub name: String,
    /// Labels and their values.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Running {
    /// Where operators are served, as the log says; the program was started with `METRICS_PORT` set to 0.
    ///
    /// # Panics
    /// The log does not say it in time.
    pub fn operators(&self) -> SocketAddr {
        const BEFORE: &str = "metrics and probes on http://";
        assert!(self.wait_for_stderr(BEFORE), "no operators' port: {self}");
        let log = self.stderr();
        let (_, rest) = log.split_once(BEFORE).expect("it was there");
        let address = rest.split(['\n', '"']).next().unwrap_or(rest);
        address.parse().expect("an address in the log")
    }

    /// What it counts and measures, at this moment.
    ///
    /// # Panics
    /// It is not served, or not as Prometheus reads it.
    pub async fn metrics(&self) -> Metrics {
        let answer = Http::new(self.operators()).get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Metrics::parse(&answer.body)
    }
}

impl Metrics {
    /// Reads the text format, as far as it is used here: no escapes in labels.
    ///
    /// # Panics
    /// The text is something else.
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self {
            types: BTreeMap::new(),
            samples: Vec::new(),
        };
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                let earlier = metrics.types.insert(name.to_owned(), kind.to_owned());
                assert!(earlier.is_none(), "{name} is there twice");
            } else if !line.starts_with('#') {
                metrics.samples.push(Sample::parse(line));
            }
        }
        metrics
    }

    /// The value of the one sample of this name that has these labels, among others.
    ///
    /// # Panics
    /// There is none, or more than one.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let mut found = self.samples.iter().filter(|sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|is| is == value)
            };
            sample.name == name && labels.iter().all(has)
        });
        match (found.next(), found.next()) {
            (Some(sample), None) => sample.value,
            (None, _) => panic!("no {name} of {labels:?}"),
            (Some(_), Some(_)) => panic!("more than one {name} of {labels:?}"),
        }
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (head, value) = line.rsplit_once(' ').expect("a value behind a space");
        let (name, labels) = match head.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("a brace")),
            None => (head, ""),
        };
        let pair = |pair: &str| {
            let (label, value) = pair.split_once("=\"").expect("a quoted value");
            let value = value.strip_suffix('"').unwrap_or(value);
            (label.to_owned(), value.to_owned())
        };
        Self {
            name: name.to_owned(),
            labels: labels
                .split("\",")
                .filter(|text| !text.is_empty())
                .map(pair)
                .collect(),
            value: value.parse().expect("a number"),
        }
    }
}
