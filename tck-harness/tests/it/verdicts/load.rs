//! Verdicts on services that have to bear much at once.

use crate::model_service::{
    event_sourced::{
        EventSourced,
        Fault::{IgnoresEvents, SnapshotOffByOne},
        OnFailure,
    },
    value_entity::{Fault::IgnoresStoredState, ValueEntity},
};

const GROUP: &str = "extended: load";

#[tokio::test]
async fn every_case_is_failed_by_a_fault() {
    let replay = "ten thousand events are replayed";
    let event = "an event and a snapshot have a megabyte each";
    let value = "a value has a megabyte";
    let wrong = "the service's message is not the expected one";
    for (fault, case) in [(IgnoresEvents, replay), (SnapshotOffByOne, event)] {
        let function = EventSourced {
            on_failure: OnFailure::Rollback,
            fault: Some(fault),
        };
        let (report, text) = super::test(function, GROUP, case).await;
        assert_eq!(report.counts().failed, 1, "{fault:?}");
        assert!(text.contains(wrong), "{fault:?} is not told");
    }
    let function = ValueEntity {
        fault: Some(IgnoresStoredState),
    };
    let (report, text) = super::test(function, GROUP, value).await;
    assert_eq!(report.counts().failed, 1);
    assert!(text.contains(wrong));
}
