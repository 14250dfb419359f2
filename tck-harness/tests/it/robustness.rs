//! Services in trouble: what goes to and fro is split and delayed, and entities are used all at once.

use tck_harness::{
    case::{Case, Half},
    cases,
    process::ServiceProcess,
    report::Report,
    rough_link::RoughLink,
    runner::Runner,
    service::Service,
};

use crate::{
    model_service::{ModelService, UserFunction, WireFault, action, event_sourced, value_entity},
    tck_service,
};

fn every_case() -> Vec<Case> {
    let mut cases = cases::of(Half::Service);
    cases.extend(cases::further_of(Half::Service));
    cases.retain(|case| !case.bulky);
    cases
}

async fn run(address: &str) -> Report {
    let service = Service::wait_for(address).await.unwrap();
    let report = Runner::new(&service).run(&every_case(), |_| {}).await;
    for failed in report.failed() {
        println!("{failed:#?}");
    }
    report
}

async fn run_over_a_rough_link(address: &str, seed: u64) -> Report {
    let link = RoughLink::to(address, seed).await.unwrap();
    run(&link.address().to_string()).await
}

/// The cases that passed, and those that failed, in their order.
fn verdicts(report: &Report) -> Vec<(&'static str, &'static str, bool)> {
    let decided = report.results().iter();
    let decided = decided.filter(|result| report.skipped().all(|skipped| skipped != *result));
    decided
        .map(|result| (result.group, result.name, result.outcome.is_failure()))
        .collect()
}

#[tokio::test]
async fn the_model_services_pass_over_a_rough_link() {
    let (process, _) = ServiceProcess::start_program(tck_service()).await.unwrap();
    let smooth = run(process.address()).await;
    assert_eq!(smooth.failed().count(), 0);
    let rough = run_over_a_rough_link(process.address(), 1).await;
    assert_eq!(verdicts(&rough), verdicts(&smooth));
    process.stop().await;
}

#[tokio::test]
async fn a_link_does_not_change_a_verdict() {
    async fn check(function: impl UserFunction) {
        let name = format!("{function:?}");
        let running = ModelService::start(function).await;
        let smooth = run(&running.address()).await;
        let rough = run_over_a_rough_link(&running.address(), 2).await;
        assert_eq!(verdicts(&rough), verdicts(&smooth), "{name}");
    }
    let unknown = WireFault::UnknownField;
    check(event_sourced::EventSourced {
        on_failure: event_sourced::OnFailure::Rollback,
        fault: Some(event_sourced::Fault::IgnoresEvents),
    })
    .await;
    check(value_entity::ValueEntity {
        fault: Some(value_entity::Fault::FailureLosesState),
    })
    .await;
    check(action::Action {
        fault: Some(action::Fault::Wire(unknown)),
    })
    .await;
}
