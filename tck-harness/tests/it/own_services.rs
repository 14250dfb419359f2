//! This project's own event-sourced entities do what the TCK asks.

use tck_harness::{cases, process::ServiceProcess, report::Printer, runner::Runner};

use crate::tck_service;

#[tokio::test]
async fn the_model_services_pass() {
    let (process, service) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let mut text = Vec::new();
    let mut printer = Printer::new(&mut text, false);
    let mut cases = cases::all();
    cases.retain(|case| case.group == "verifying model test: event sourced entity");
    let report = Runner::new(&service)
        .run(&cases, |progress| {
            printer.progress(progress).unwrap();
        })
        .await;
    println!("{}", String::from_utf8(text).unwrap());
    println!("{}", process.output().join("\n"));
    assert_eq!(report.to_string(), "21 passed, 0 failed, 0 skipped");
    process.stop().await;
}
