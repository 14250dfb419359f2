//! Verdicts on the CRDT model.

use crate::model_service::{
    WireFault::*,
    crdt::{
        Crdt,
        Fault::{self, *},
    },
};

const FURTHER: &str = "extended: CRDT entity";
const GROUP: &str = "verifying model test: CRDT entity";

#[tokio::test]
async fn a_right_service_passes() {
    let (report, _) = super::test(Crdt { fault: None }, GROUP, "").await;
    assert_eq!(report.to_string(), "82 passed, 0 failed, 0 skipped");
}

#[tokio::test]
async fn a_delta_lists_elements_in_any_order() {
    let fault = Some(ReversesDeltas);
    let (report, _) = super::test(Crdt { fault }, GROUP, "").await;
    assert_eq!(report.to_string(), "82 passed, 0 failed, 0 skipped");
}

#[tokio::test]
async fn cases_whose_services_are_not_announced_are_skipped() {
    let fault = Some(WithoutConfigured);
    let (report, _) = super::test(Crdt { fault }, GROUP, "").await;
    assert_eq!(report.to_string(), "81 passed, 0 failed, 1 skipped");
}

#[tokio::test]
async fn every_fault_is_told() {
    let faults: [(Fault, _, _); 43] = [
        (
            AddedIsUpdated,
            "verify ORMap state changes",
            "+         updated:",
        ),
        (
            AddedWithoutDelta,
            "verify ORMap state changes",
            "+           delta: {}",
        ),
        (
            AnswersDelete,
            "verify GCounter delete action sent to entity",
            "and sent a message instead",
        ),
        (
            BareElements,
            "verify GSet state changes",
            r#"+         added: "string""#,
        ),
        (
            CancelWithoutUpdate,
            "verify streamed responses with cancellation",
            "-         change: -42",
        ),
        (
            CancelsNothingOut,
            "verify ORSet state changes",
            "+         removed:",
        ),
        (
            ClearListsElements,
            "verify ORSet state changes",
            "-         cleared: true",
        ),
        (
            ClearedIsIgnored,
            "verify ORSet mix of local and replicated state changes",
            r#"+             elements: "e""#,
        ),
        (
            ClockAloneIsNoChange,
            "verify LWWRegister state changes with clock settings",
            "-         custom_clock_value: 123",
        ),
        (
            CommandIdsAreUnique,
            "verify LWWRegister state changes with clock settings",
            "+ failure:",
        ),
        (
            DeleteSendsUpdate,
            "verify ORMap delete action received from entity",
            "-     delete: {}",
        ),
        (
            EchoesReplicated,
            "verify GCounter initial empty state with replicated initial delta",
            "+         increment: 165",
        ),
        (
            EffectsOnFirstReply,
            "verify streamed responses with side effects",
            "+   side_effects:",
        ),
        (
            EmptyAnswer,
            "verify empty streamed responses with cancellation",
            "+   client_action: {}",
        ),
        (
            EmptyStateAction,
            "verify GCounter initial empty state",
            "+   state_action: {}",
        ),
        (
            EverythingAdded,
            "verify GSet state changes",
            "+         added:",
        ),
        (FailsTheStream, "verify failure action", "+ failure:"),
        (
            FlagIsCleared,
            "verify Flag mix of local and replicated state changes",
            "+           flag: {}",
        ),
        (
            FlagIsEnabledAgain,
            "verify Flag mix of local and replicated state changes",
            "+       flag:",
        ),
        (
            ForwardDropsUpdate,
            "verify forward with state changes",
            "-         change: -42",
        ),
        (
            ForwardsToItself,
            "verify forward to second service",
            r#"+       service_name: "cloudstate.tck.model.crdt.CrdtTckModel""#,
        ),
        (
            IgnoresConsistency,
            "verify write consistency can be configured",
            "-     write_consistency: 1",
        ),
        (
            IgnoresInit,
            "verify GCounter initial delta in init",
            "+             value: 123",
        ),
        (
            KeepsCreationDelta,
            "verify LWWRegister initial empty state with replicated initial delta",
            "+       lwwregister:",
        ),
        (
            KeepsPendingOfEntries,
            "verify ORMap state changes",
            "+               change: 42",
        ),
        (
            LongWindedEncoding,
            "verify LWWRegister initial empty state",
            "+           (encoded as): 0x0a00",
        ),
        (
            NeverEndsStream,
            "verify streamed responses with stream ending action",
            "-   end_stream: true",
        ),
        (
            NewVoteHasNoVoters,
            "verify Vote initial empty state",
            "-             total_voters: 1",
        ),
        (
            NoCreationDelta,
            "verify LWWRegister initial empty state",
            "-       lwwregister:",
        ),
        (
            NotStreamed,
            "verify streamed responses",
            "-   streamed: true",
        ),
        (
            OwnVoteIsNotCounted,
            "verify Vote state changes",
            "-             votes_for: 1",
        ),
        (
            RemovedIsCleared,
            "verify ORSet initial delta in init",
            "+         cleared: true",
        ),
        (
            SendsTotals,
            "verify Vote state changes",
            "+         total_voters: 1",
        ),
        (
            Wire(Silent),
            "verify GCounter initial empty state",
            "no message within 50ms",
        ),
        (
            StreamedBeforeReply,
            "verify streamed responses",
            "+ streamed_message:",
        ),
        (
            StreamsAfterCancel,
            "verify streamed responses with cancellation",
            "+ streamed_message:",
        ),
        (
            StreamsToNobody,
            "verify streamed responses",
            "no message within 50ms",
        ),
        (
            UnsortedState,
            "verify GSet state changes",
            r#"-             elements: "a""#,
        ),
        (
            WithoutTimeout,
            "verify CRDT configured entity",
            "in milliseconds, is not the expected one",
        ),
        (
            WrongClock,
            "verify LWWRegister state changes with clock settings",
            "-         clock: 1",
        ),
        (
            WrongType,
            "verify CRDT entity discovery",
            "entity_type of cloudstate.tck.model.crdt.CrdtTckModel is not the expected one",
        ),
        (
            Wire(NeverCompletes),
            "verify GCounter initial empty state",
            "and did not within 50ms",
        ),
        (
            Wire(UnknownField),
            "verify ORSet state changes",
            "+ (unknown field 99): 0x980601",
        ),
    ];
    super::every_fault_is_told(
        GROUP,
        faults.map(|(fault, case, told)| (Crdt { fault: Some(fault) }, case, told)),
    )
    .await;
}

#[tokio::test]
async fn further_cases_pass_and_fail_too() {
    let (report, _) = super::test(Crdt { fault: None }, FURTHER, "").await;
    assert_eq!(report.to_string(), "13 passed, 0 failed, 0 skipped");
    let faults = [
        (
            FailureKeepsChange,
            "a failure takes back what was added to a counter",
            "+             value: 6",
        ),
        (
            FailureKeepsChange,
            "a failure takes back what became of a set",
            r#"elements: "c""#,
        ),
        (
            NoCreationDelta,
            "a register that is new survives a failure",
            "-   state_action:",
        ),
        (
            StreamsToNobody,
            "a failure tells nobody of a change",
            "no message within",
        ),
        (
            CancelWithoutUpdate,
            "a change by one stream's end is streamed to others",
            "-         change: -1",
        ),
        (
            FailureKeepsChange,
            "a failure takes back what an ORMap changed",
            r#"+               key: "Flag-1""#,
        ),
        (
            EmptyStateAction,
            "a stream may be cancelled that is not there",
            "+   state_action: {}",
        ),
        (
            Wire(Silent),
            "commands do not wait for replies",
            "no message within 50ms",
        ),
    ];
    super::every_fault_is_told(
        FURTHER,
        faults.map(|(fault, case, told)| (Crdt { fault: Some(fault) }, case, told)),
    )
    .await;
}
