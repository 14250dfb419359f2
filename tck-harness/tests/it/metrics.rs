//! The page on operation lists what a service of every kind measures: names, types and labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use end_to_end::{Metrics, Program};
use tempfile::tempdir;

use crate::tck_service;

/// Name, type and labels.
type Family = (String, String, BTreeSet<String>);

fn on_the_page() -> BTreeSet<Family> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operation.md");
    let page = fs::read_to_string(page).unwrap();
    let is_metric =
        |line: &&str| line.starts_with("| `cloudstate_") || line.starts_with("| `process_");
    let word = |cell: &str| cell.trim().trim_matches('`').to_owned();
    page.lines()
        .filter(is_metric)
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let labels = cells[3].split(',').map(word);
            (
                word(cells[1]),
                word(cells[2]),
                labels.filter(|label| !label.is_empty()).collect(),
            )
        })
        .collect()
}

fn measured(metrics: &Metrics) -> BTreeSet<Family> {
    let mut labels: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for sample in &metrics.samples {
        let family = |suffix| sample.name.strip_suffix(suffix);
        let name = ["_bucket", "_sum", "_count"].into_iter().find_map(family);
        let name = name.filter(|name| metrics.types.contains_key(*name));
        let known = labels.entry(name.unwrap_or(&sample.name)).or_default();
        // Of a histogram's and a summary's own making.
        let own = ["le", "quantile"];
        known.extend(
            sample
                .labels
                .keys()
                .filter(|label| !own.contains(&label.as_str()))
                .cloned(),
        );
    }
    metrics
        .types
        .iter()
        .map(|(name, kind)| (name.clone(), kind.clone(), labels[name.as_str()].clone()))
        .collect()
}

#[tokio::test]
async fn the_page_on_operation_names_every_metric_and_no_other() {
    let store = tempdir().unwrap();
    let program = Program::new(tck_service()).env("METRICS_PORT", "0");
    let running = program.store(store.path()).start();
    // Requests are counted by their outcome, of which there is none before the first.
    assert_eq!(running.http().get("/ready").await.status, 200);
    assert_eq!(measured(&running.metrics().await), on_the_page());
}
