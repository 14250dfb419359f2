//! Verdicts on the eventing models.

use tck_harness::report::Report;

use crate::model_service::{
    ModelService,
    event_log::{
        Emitters,
        Fault::{self, *},
        Subscriber,
    },
};

const GROUP: &str = "extended: event log subscriptions";

async fn test(fault: Option<Fault>) -> (Report, String) {
    let running = ModelService::start_both(Emitters { fault }, Subscriber { fault }).await;
    super::run(&running, GROUP, "", super::PATIENCE).await
}

#[tokio::test]
async fn right_services_pass() {
    let (report, _) = test(None).await;
    assert_eq!(report.to_string(), "8 passed, 0 failed, 0 skipped");
}

#[tokio::test]
async fn every_fault_is_told() {
    let mut tally = super::Tally::new(GROUP);
    for (fault, case, told) in [
        (
            AnswersForTheEvent,
            "the target of forwards answers with its request",
            r#"+     id: "another""#,
        ),
        (EmitsJsonAsMessage, "JSON is emitted", "+   events: A"),
        (EmitsTwice, "messages are emitted", "+   events:"),
        (
            FirstStepAlone,
            "an event may have several responses",
            "the service completed the stream, and a message was expected",
        ),
        (
            ForwardsToItself,
            "the processing of an event is forwarded",
            r#"+   command_name: "ProcessEventOne""#,
        ),
        (
            NamesTheSource,
            "an event is processed for the entity that emitted it",
            r#"+     id: "eventlogeventing-one""#,
        ),
        (
            RefusesJson,
            "JSON is delivered as it was emitted",
            "the service completed the stream, and a message was expected",
        ),
        (
            WrongPersistenceId,
            "both entities and their subscriber are announced",
            "persistence_id of cloudstate.tck.model.eventlogeventing.EventSourcedEntityTwo",
        ),
    ] {
        let (report, text) = test(Some(fault)).await;
        tally.count(&format!("{fault:?}"), &report, &text, case, told);
    }
    tally.check();
}
