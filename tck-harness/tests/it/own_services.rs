//! This project's own model services do what the TCK asks.

use tck_harness::{case::Half, cases, process::ServiceProcess, report::Printer, runner::Runner};

use crate::tck_service;

#[tokio::test]
async fn the_model_services_pass() {
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let mut text = Vec::new();
    let mut printer = Printer::new(&mut text, false);
    let mut cases = cases::of(Half::Service);
    cases.extend(cases::further_of(Half::Service));
    let report = Runner::new(&service)
        .run(&cases, |progress| {
            printer.progress(progress).unwrap();
        })
        .await;
    println!("{}", String::from_utf8(text).unwrap());
    println!("{}", process.output().join("\n"));
    let sums: Vec<_> = report
        .groups()
        .map(|(group, counts)| format!("{group}: {counts}"))
        .collect();
    for sum in [
        "verifying model test: action: 34 passed, 0 failed, 0 skipped",
        "verifying model test: entity: 19 passed, 0 failed, 0 skipped",
        "verifying model test: event sourced entity: 21 passed, 0 failed, 0 skipped",
        "verifying model test: CRDT entity: 82 passed, 0 failed, 0 skipped",
        "extended: action: 6 passed, 0 failed, 0 skipped",
        "extended: entity: 7 passed, 0 failed, 0 skipped",
        "extended: event sourced entity: 5 passed, 0 failed, 0 skipped",
        "extended: CRDT entity: 13 passed, 0 failed, 0 skipped",
        "extended: event log subscriptions: 8 passed, 0 failed, 0 skipped",
        "extended: protocol violations, event sourced entity: 8 passed, 0 failed, 0 skipped",
        "extended: protocol violations, entity: 8 passed, 0 failed, 0 skipped",
        "extended: protocol violations, CRDT entity: 8 passed, 0 failed, 0 skipped",
        "extended: load: 3 passed, 0 failed, 0 skipped",
    ] {
        assert!(
            sums.iter().any(|one| one == sum),
            "{sum} is not in {sums:?}"
        );
    }
    assert_eq!(report.counts().failed, 0);
    process.stop().await;
}
