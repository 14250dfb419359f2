//! Verdicts on services that take whatever a proxy sends, and pass the TCK nevertheless.

use std::time::Duration;

use crate::model_service::{
    ModelService, UserFunction,
    crdt::Crdt,
    event_sourced::{EventSourced, OnFailure},
    value_entity::ValueEntity,
};

/// The harness has to wait in vain.
const PATIENCE: Duration = Duration::from_millis(300);

/// Returns what is printed.
async fn every_case_fails(function: impl UserFunction, group: &str) -> String {
    let running = ModelService::start(function).await;
    let (report, text) = super::run(&running, group, "", PATIENCE).await;
    assert_eq!(report.to_string(), "0 passed, 8 failed, 0 skipped");
    for told in [
        "no message within 300ms",
        "the service's message is not the expected one",
    ] {
        assert!(text.contains(told), "{told:?} is not told");
    }
    text
}

#[tokio::test]
async fn event_sourced_entities_that_mind_nothing_are_told() {
    let function = EventSourced {
        on_failure: OnFailure::Rollback,
        fault: None,
    };
    let group = "extended: protocol violations, event sourced entity";
    let text = every_case_fails(function, group).await;
    assert!(text.contains("and was to say why on its stream"));
}

#[tokio::test]
async fn value_entities_that_mind_nothing_are_told() {
    let function = ValueEntity { fault: None };
    every_case_fails(function, "extended: protocol violations, entity").await;
}

#[tokio::test]
async fn crdt_entities_that_mind_nothing_are_told() {
    let function = Crdt { fault: None };
    every_case_fails(function, "extended: protocol violations, CRDT entity").await;
}
