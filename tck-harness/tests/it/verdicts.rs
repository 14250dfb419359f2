//! What the harness says of a service that does right, and of each that does wrong.

mod action;
mod crdt;
mod event_log;
mod event_sourced;
mod load;
mod value_entity;
mod violations;

use std::{collections::BTreeSet, time::Duration};

use tck_harness::{
    case::Case,
    cases,
    report::{Printer, Report},
    runner::Runner,
    service::Service,
};

use crate::model_service::{ModelService, UserFunction, WireFault};

fn every_case() -> Vec<Case> {
    let mut cases = cases::all();
    cases.extend(cases::further());
    cases
}

/// The time that a service has for every message.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the cases of a group whose names contain `filter`, and gives what is printed of them.
async fn test(function: impl UserFunction, group: &str, filter: &str) -> (Report, String) {
    println!("{function:?}");
    let mut patience = PATIENCE;
    if matches!(
        function.wire_fault(),
        Some(WireFault::Silent | WireFault::NeverCompletes)
    ) || function.keeps_silent()
    {
        // The harness must give up; waiting as long as a slow machine may need tells no more.
        patience = Duration::from_millis(50);
    }
    let running = ModelService::start(function).await;
    run(&running, group, filter, patience).await
}

async fn run(
    running: &ModelService,
    group: &str,
    filter: &str,
    patience: Duration,
) -> (Report, String) {
    let service = Service::discover(&running.address()).await.unwrap();
    let mut text = Vec::new();
    let mut printer = Printer::new(&mut text, false);
    let mut cases = every_case();
    cases.retain(|case| case.group == group && case.name.contains(filter));
    let report = Runner::new(&service)
        .patience(patience)
        .run(&cases, |progress| printer.progress(progress).unwrap())
        .await;
    printer.sum(&report).unwrap();
    let text = String::from_utf8(text).unwrap();
    println!("{text}");
    (report, text)
}

/// A fault, a case that must notice it, and what that case tells of it.
type Told<F> = (F, &'static str, &'static str);

/// Runs each fault against its case, which must tell of it, and those that are wrong with every stream against the whole
/// group. Every case must fail of some fault.
async fn every_fault_is_told<U: UserFunction>(
    group: &str,
    faults: impl IntoIterator<Item = Told<U>>,
) {
    let mut tally = Tally::new(group);
    for (function, case, told) in faults {
        let name = format!("{function:?}");
        let filter = match function.wire_fault() {
            Some(_) => "",
            None => case,
        };
        let (report, text) = test(function, group, filter).await;
        tally.count(&name, &report, &text, case, told);
    }
    tally.check();
}

/// Which cases of a group no fault has made fail yet.
struct Tally(BTreeSet<&'static str>);

impl Tally {
    fn new(group: &str) -> Self {
        let mut cases = every_case();
        cases.retain(|case| case.group == group);
        Self(cases.iter().map(|case| case.name).collect())
    }

    /// Notes a run against a fault, which must be told by this case.
    fn count(&mut self, fault: &str, report: &Report, text: &str, case: &str, told: &str) {
        let failed: BTreeSet<_> = report.failed().map(|result| result.name).collect();
        assert!(failed.contains(case), "{fault} is not noticed by {case:?}");
        let failure = text
            .split_once(&format!("  {case} ... FAILED\n"))
            .and_then(|(_, behind)| behind.split("the conversation:").next())
            .unwrap();
        assert!(failure.contains(told), "{fault} is not told as {told:?}");
        self.0.retain(|name| !failed.contains(name));
    }

    fn check(self) {
        assert!(self.0.is_empty(), "no fault fails {:?}", self.0);
    }
}
