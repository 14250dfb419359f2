//! Verdicts on the action model.

use crate::model_service::{
    WireFault::*,
    action::{
        Action,
        Fault::{self, *},
    },
};

const FURTHER: &str = "extended: action";
const GROUP: &str = "verifying model test: action";

#[tokio::test]
async fn a_right_service_passes() {
    let (_, text) = super::test(Action { fault: None }, GROUP, "").await;
    assert!(text.ends_with("\n34 passed, 0 failed, 0 skipped\n"));
    let (_, text) = super::test(Action { fault: None }, FURTHER, "").await;
    assert!(text.ends_with("\n6 passed, 0 failed, 0 skipped\n"));
}

#[tokio::test]
async fn every_fault_is_told() {
    const REPLY: &str = "verify unary command reply";
    const STREAMED_IN: &str = "verify streamed-in command reply with side effects";
    let faults: [(Fault, _, _); 28] = [
        (
            AnswersAtTheEnd,
            "verify streamed command replies and side effects",
            "no message within 50ms",
        ),
        (
            AnswersTooEarly,
            "verify streamed-in command reply",
            "and sent a message instead",
        ),
        (
            AsynchronousEffects,
            "verify streamed-in command no reply with side effects",
            "-   synchronous: true",
        ),
        (
            EffectWithMetadata,
            "verify unary command no reply with side effect",
            "+   metadata: {}",
        ),
        (EmptyMetadata, REPLY, "+   metadata: {}"),
        (
            EmptyInputFails,
            "verify streamed-in command no reply (no requests)",
            r#"the stream failed with InvalidArgument "no request""#,
        ),
        (
            FailureEnds,
            "verify streamed-out command failures and side effects",
            "the service completed the stream, and a message was expected",
        ),
        (
            FailureDropsEffects,
            "verify unary command failure with side effect",
            "- side_effects:",
        ),
        (
            FailureRestarts,
            "verify streamed-in command failure",
            "+   restart: true",
        ),
        (
            FailsTheCall,
            "verify unary command failure",
            r#"the stream failed with Unknown "one""#,
        ),
        (
            FoldsGroups,
            "verify streamed-out command replies and side effects",
            r#"+     message: "four""#,
        ),
        (
            FirstGroupAlone,
            "verify streamed-out command forwards and side effects",
            "the service completed the stream, and a message was expected",
        ),
        (FirstRequestAlone, STREAMED_IN, "-   synchronous: true"),
        (
            ForwardDropsEffects,
            "verify unary command forward with multiple side effects",
            "- side_effects:",
        ),
        (
            ForwardsToItself,
            "verify unary command forward",
            r#"+   service_name: "cloudstate.tck.model.action.ActionTckModel""#,
        ),
        (LastRequestWins, STREAMED_IN, r#"-     message: "two""#),
        (
            LeavesOutNoReply,
            "verify streamed command no replies and side effects",
            "no message within 50ms",
        ),
        (
            NoReplyDropsEffects,
            "verify unary command no reply with synchronous side effect",
            "- side_effects:",
        ),
        (NoReplyReplies, "verify unary command no reply", "+ reply:"),
        (RepeatsResponses, REPLY, "and sent a message instead"),
        (
            ReversesEffects,
            "verify unary command reply with multiple side effects",
            r#"+     id: "c""#,
        ),
        (
            SynchronousEffects,
            "verify unary command reply with side effect",
            "+   synchronous: true",
        ),
        (
            TakesNamesForARequest,
            "verify streamed command forwards and side effects",
            "- forward:",
        ),
        (
            WrongEntityType,
            "verify action entity discovery",
            "entity_type of cloudstate.tck.model.action.ActionTckModel is not the expected one",
        ),
        (
            Wire(EndsWithError),
            "verify streamed command replies and side effects",
            r#"and failed it with Internal "could not end""#,
        ),
        (Wire(NeverCompletes), REPLY, "and did not within 50ms"),
        (
            Wire(Silent),
            REPLY,
            "the service completed the stream, and a message was expected",
        ),
        (
            Wire(UnknownField),
            "verify unary command no reply",
            "+ (unknown field 99): 0x980601",
        ),
    ];
    super::every_fault_is_told(
        GROUP,
        faults.map(|(fault, case, told)| (Action { fault: Some(fault) }, case, told)),
    )
    .await;
}

#[tokio::test]
async fn further_cases_fail_too() {
    let faults: [(Fault, _, _); 3] = [
        (
            TakesNamesForARequest,
            "a streamed call without a request ends without a response",
            "and sent a message instead",
        ),
        (
            FirstRequestAlone,
            "a streamed call may end behind any request",
            "- side_effects:",
        ),
        (
            Wire(EndsWithError),
            "several unary calls are open at once",
            r#"and failed it with Internal "could not end""#,
        ),
    ];
    super::every_fault_is_told(
        FURTHER,
        faults.map(|(fault, case, told)| (Action { fault: Some(fault) }, case, told)),
    )
    .await;
}
