//! Verdicts on the event-sourced model.

use tck_harness::report::Report;

use crate::model_service::{
    WireFault::*,
    event_sourced::{
        EventSourced,
        Fault::{self, *},
        OnFailure::{self, Restart, Rollback},
    },
};

const FURTHER: &str = "extended: event sourced entity";
const GROUP: &str = "verifying model test: event sourced entity";
const NOT_RETAINED: &str =
    "verify failure actions do not retain emitted events (may request entity restart)";

async fn test(on_failure: OnFailure, fault: Option<Fault>, filter: &str) -> (Report, String) {
    super::test(EventSourced { on_failure, fault }, GROUP, filter).await
}

#[tokio::test]
async fn a_service_that_asks_for_restarts_passes() {
    let (_, text) = test(Restart, None, "").await;
    assert!(text.ends_with("\n21 passed, 0 failed, 0 skipped\n"));
}

#[tokio::test]
async fn a_service_that_restores_its_state_itself_passes() {
    let (_, text) = test(Rollback, None, "").await;
    assert!(text.ends_with("\n21 passed, 0 failed, 0 skipped\n"));
}

#[tokio::test]
async fn cases_whose_services_are_not_announced_are_skipped() {
    let (_, text) = test(Restart, Some(WithoutConfigured), "").await;
    assert!(text.contains(
        "verify event sourced configured entity ... skipped: no entity \
         cloudstate.tck.model.EventSourcedConfigured"
    ));
    assert!(text.ends_with("\n20 passed, 0 failed, 1 skipped\n"));
}

#[tokio::test]
async fn every_fault_is_told() {
    // Whatever fails behind an emitted event is about the one strategy or the other.
    const RESTORES: &[Fault] = &[KeepsFailedEvents, CountsFailedEvents, Hesitates];
    let faults = [
        (
            AlwaysRestarts,
            "verify failure action",
            "+       restart: true",
        ),
        (
            BareTypeUrl,
            "verify initial empty state",
            r#"+       payload: "cloudstate.tck.model.Response""#,
        ),
        (
            CountsFailedEvents,
            NOT_RETAINED,
            "-   snapshot: cloudstate.tck.model.Persisted",
        ),
        (
            EmptyMetadata,
            "verify initial empty state",
            "+       metadata: {}",
        ),
        (
            Wire(EndsWithError),
            "verify initial empty state",
            r#"and failed it with Internal "could not end""#,
        ),
        (FailsTheStream, "verify failure action", "+ failure:"),
        (
            FailureKeepsEffects,
            "verify failure actions do not allow side effects",
            "+   side_effects:",
        ),
        (FailureKeepsEvents, NOT_RETAINED, r#"+     value: "6""#),
        (
            ForwardsToItself,
            "verify forward to second service",
            r#"+       service_name: "cloudstate.tck.model.EventSourcedTckModel""#,
        ),
        (Hesitates, NOT_RETAINED, "+       restart: true"),
        (
            IgnoresEvents,
            "verify initial snapshot and events",
            r#"-         message: "ABCDEFG""#,
        ),
        (
            IgnoresSnapshots,
            "verify initial snapshot",
            r#"-         message: "ABCDE""#,
        ),
        (
            KeepsFailedEvents,
            NOT_RETAINED,
            r#"+         message: "ABC45D""#,
        ),
        (
            LongWindedEncoding,
            "verify initial empty state",
            "+         (encoded as): 0x0a00",
        ),
        (
            Wire(NeverCompletes),
            "verify initial empty state",
            "was to complete the stream behind the end of its input, and did not within 50ms",
        ),
        (
            RepeatsReplies,
            "verify initial empty state",
            "and sent a message instead",
        ),
        (
            ReversesEffects,
            "verify reply with multiple side effects",
            r#"+       id: "3""#,
        ),
        (
            Wire(Silent),
            "verify initial empty state",
            "no message within 50ms",
        ),
        (
            SnapshotBeforeEvents,
            "verify multiple emitted events and snapshots",
            r#"+     value: "ABCD""#,
        ),
        (
            SnapshotOffByOne,
            "verify multiple emitted events and snapshots",
            "+   snapshot: cloudstate.tck.model.Persisted",
        ),
        (
            SynchronousEffects,
            "verify reply with side effect to second service",
            "+     synchronous: true",
        ),
        (
            Wire(UnknownField),
            "verify initial empty state",
            "+ (unknown field 99): 0x980601",
        ),
        (
            WrongCommandId,
            "verify initial empty state",
            "+   command_id: 2",
        ),
        (
            WrongPersistenceId,
            "verify event sourced entity discovery",
            r#"persistence_id of cloudstate.tck.model.EventSourcedTckModel is not the expected one"#,
        ),
        (
            WrongTimeout,
            "verify event sourced configured entity",
            "Some(100000)",
        ),
    ]
    .map(|(fault, case, told)| {
        let on_failure = match RESTORES.contains(&fault) {
            true => Rollback,
            false => Restart,
        };
        let fault = Some(fault);
        (EventSourced { on_failure, fault }, case, told)
    });
    super::every_fault_is_told(GROUP, faults).await;
}

#[tokio::test]
async fn a_failure_shows_what_was_said_and_what_differs() {
    let case = "verify initial snapshot and events";
    let (_, text) = test(Restart, Some(IgnoresSnapshots), case).await;
    let expected = r#"verifying model test: event sourced entity
  verify initial snapshot and events ... FAILED
    the service's message is not the expected one
    sent last:
      command:
        entity_id: "entity-1"
        id: 1
        name: "Process"
        payload: cloudstate.tck.model.Request
          id: "entity-1"
    expected (-) and received (+):
        reply:
          command_id: 1
          client_action:
            reply:
              payload: cloudstate.tck.model.Response
      -         message: "ABCDEFG"
      +         message: "FG"
    the conversation:
      #1 -> init { service_name: "cloudstate.tck.model.EventSourcedTckModel", entity_id: "entity-1", snapshot { snapshot_sequence: 5, snapshot: cloudstate.tck.model.Persisted { value: "ABCDE" } } }
      #1 -> event { sequence: 6, payload: cloudstate.tck.model.Persisted { value: "F" } }
      #1 -> event { sequence: 7, payload: cloudstate.tck.model.Persisted { value: "G" } }
      #1 -> command { entity_id: "entity-1", id: 1, name: "Process", payload: cloudstate.tck.model.Request { id: "entity-1" } }
      #1 <- reply { command_id: 1, client_action { reply { payload: cloudstate.tck.model.Response { message: "FG" } } } }

0 passed, 1 failed, 0 skipped
"#;
    assert_eq!(text, expected);
}

#[tokio::test]
async fn one_broken_case_does_not_disturb_the_others() {
    let (report, _) = test(Restart, Some(IgnoresSnapshots), "").await;
    let failed: Vec<_> = report.failed().map(|result| result.name).collect();
    assert_eq!(
        failed,
        [
            "verify initial snapshot",
            "verify initial snapshot and events",
            "verify rehydration after passivation"
        ]
    );
    assert_eq!(report.to_string(), "18 passed, 3 failed, 0 skipped");
}

#[tokio::test]
async fn further_cases_pass_and_fail_too() {
    let right = EventSourced {
        on_failure: Rollback,
        fault: None,
    };
    let (report, _) = super::test(right, FURTHER, "").await;
    assert_eq!(report.to_string(), "5 passed, 0 failed, 0 skipped");
    let faults = [
        (
            IgnoresEvents,
            "a stream may end behind any message",
            r#"-         message: "AB""#,
        ),
        (
            Wire(EndsWithError),
            "commands of several entities are interleaved",
            r#"and failed it with Internal "could not end""#,
        ),
    ]
    .map(|(fault, case, told)| {
        let fault = Some(fault);
        (EventSourced { fault, ..right }, case, told)
    });
    super::every_fault_is_told(FURTHER, faults).await;
}
