//! Verdicts on the value-entity model.

use crate::model_service::{
    WireFault::*,
    value_entity::{
        Fault::{self, *},
        ValueEntity,
    },
};

const FURTHER: &str = "extended: entity";
const GROUP: &str = "verifying model test: entity";

#[tokio::test]
async fn a_right_service_passes() {
    let (_, text) = super::test(ValueEntity { fault: None }, GROUP, "").await;
    assert!(text.ends_with("\n19 passed, 0 failed, 0 skipped\n"));
    let (_, text) = super::test(ValueEntity { fault: None }, FURTHER, "").await;
    assert!(text.ends_with("\n7 passed, 0 failed, 0 skipped\n"));
}

#[tokio::test]
async fn cases_whose_services_are_not_announced_are_skipped() {
    let fault = Some(WithoutConfigured);
    let (_, text) = super::test(ValueEntity { fault }, GROUP, "").await;
    assert!(text.contains(
        "verify configured entity ... skipped: no entity \
         cloudstate.tck.model.valueentity.ValueEntityConfigured"
    ));
    assert!(text.ends_with("\n18 passed, 0 failed, 1 skipped\n"));
}

#[tokio::test]
async fn every_fault_is_told() {
    const FAILURE: &str = "verify failure action";
    const FAILURE_EFFECTS: &str = "verify failure action do not allow side effects";
    const EMPTY: &str = "verify initial empty state";
    const FORWARD: &str = "verify forward to second service";
    let faults: [(Fault, _, _); 24] = [
        (AlwaysUpdates, "verify update state", "+   state_action:"),
        (
            AsynchronousEffects,
            "verify synchronous side effect to second service",
            "-     synchronous: true",
        ),
        (
            DeleteKeepsState,
            "verify delete state",
            r#"+         message: "A""#,
        ),
        (
            DeletesByUpdate,
            "verify sub invocations with multiple update states and delete states",
            "-     delete: {}",
        ),
        (EmptyMetadata, EMPTY, "+       metadata: {}"),
        (EmptyStateAction, EMPTY, "+   state_action: {}"),
        (FailsTheStream, FAILURE, "+ failure:"),
        (FailureKeepsEffects, FAILURE_EFFECTS, "+   side_effects:"),
        (
            FailureLosesState,
            "verify connection after failure action",
            r#"-         message: "A""#,
        ),
        (FailureRestarts, FAILURE, "+       restart: true"),
        (
            FirstActionWins,
            "verify sub invocations with update, delete and update states",
            r#"+         value: "A""#,
        ),
        (
            ForwardDropsState,
            "verify forward with updated state to second service",
            "-   state_action:",
        ),
        (
            ForwardsToItself,
            "verify forward and side effect to second service",
            r#"+       service_name: "cloudstate.tck.model.valueentity.ValueEntityTckModel""#,
        ),
        (ForwardWithMetadata, FORWARD, "+       metadata: {}"),
        (
            RefusesStoredState,
            "verify rehydration after passivation",
            "the service completed the stream, and a message was expected",
        ),
        (RepeatsReplies, EMPTY, "and sent a message instead"),
        (
            ReversesEffects,
            "verify reply with multiple side effects and state",
            r#"+       id: "3""#,
        ),
        (
            SynchronousEffects,
            "verify reply with side effect to second service",
            "+     synchronous: true",
        ),
        (WrongCommandId, EMPTY, "+   command_id: 2"),
        (
            WrongPersistenceId,
            "verify entity discovery",
            r#"received:
      "value-entity-two""#,
        ),
        (
            WrongTimeout,
            "verify configured entity",
            "passivation timeout of cloudstate.tck.model.valueentity.ValueEntityConfigured",
        ),
        (Wire(NeverCompletes), EMPTY, "and did not within 50ms"),
        (Wire(Silent), EMPTY, "no message within 50ms"),
        (
            Wire(UnknownField),
            "verify sub invocations with multiple update states",
            "+ (unknown field 99): 0x980601",
        ),
    ];
    super::every_fault_is_told(
        GROUP,
        faults.map(|(fault, case, told)| (ValueEntity { fault: Some(fault) }, case, told)),
    )
    .await;
}

#[tokio::test]
async fn faults_that_the_tck_does_not_notice_are_told() {
    let faults: [(Fault, _, _); 3] = [
        (
            FailureKeepsState,
            "a failure takes back what the command changed",
            r#"+         message: "B""#,
        ),
        (
            IgnoresStoredState,
            "the stored state is read",
            r#"-         message: "A""#,
        ),
        (
            Wire(EndsWithError),
            "a stream may end behind any message",
            r#"and failed it with Internal "could not end""#,
        ),
    ];
    super::every_fault_is_told(
        FURTHER,
        faults.map(|(fault, case, told)| (ValueEntity { fault: Some(fault) }, case, told)),
    )
    .await;
}
