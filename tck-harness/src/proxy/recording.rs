//! What passes between a proxy and a service, written down for the cases.

use std::sync::{Arc, Mutex, PoisonError};

use cloudstate_protocol::cloudstate::UserFunctionError;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::{connection::IN_FLIGHT, reader::Event};

/// The call by which a proxy discovers a service.
pub(super) const DISCOVER: &str = "/cloudstate.EntityDiscovery/discover";

/// Where a proxy says what it finds wrong with the service. It is no part of a conversation.
pub(super) const REPORT_ERROR: &str = "/cloudstate.EntityDiscovery/reportError";

/// Calls that nobody has looked at yet. A proxy that makes more has to wait.
const WAITING_CALLS: usize = 256;

/// Reported errors that are kept.
const KEPT_REPORTS: usize = 20;

/// A call that has come from the proxy. What is said in it is passed on whether or not this is read or kept.
#[derive(Debug)]
pub(crate) struct RecordedCall {
    /// Such as `/cloudstate.crdt.Crdt/handle`.
    pub(crate) path: String,
    /// From the proxy to the service.
    pub(crate) there: mpsc::Receiver<Event>,
    /// From the service to the proxy.
    pub(crate) back: mpsc::Receiver<Event>,
}

/// Takes down the calls of one proxy.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    calls: mpsc::Sender<RecordedCall>,
    reports: Reports,
}

/// What a proxy has reported to the service as errors.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports(Arc<Mutex<Vec<String>>>);

/// Where the two directions of one call are written down.
pub(super) type Directions = (mpsc::Sender<Event>, mpsc::Sender<Event>);

impl Recorder {
    /// A recorder, whose calls come out of the receiver in their order.
    pub(super) fn new() -> (Self, mpsc::Receiver<RecordedCall>) {
        let (calls, recorded) = mpsc::channel(WAITING_CALLS);
        let reports = Reports::default();
        (Self { calls, reports }, recorded)
    }

    pub(super) fn reports(&self) -> Reports {
        self.reports.clone()
    }

    /// Begins a call of this path, and gives where to write down what is said: there, and back.
    pub(super) async fn call(&self, path: &str) -> Directions {
        let (there, recorded_there) = mpsc::channel(IN_FLIGHT);
        let (back, recorded_back) = mpsc::channel(IN_FLIGHT);
        if path == REPORT_ERROR {
            self.reports.keep(recorded_there);
        } else {
            let call = RecordedCall {
                path: path.to_owned(),
                there: recorded_there,
                back: recorded_back,
            };
            // Nobody listens any more when the run has ended; what is on its way then may still go through.
            let _ = self.calls.send(call).await;
        }
        (there, back)
    }
}

/// Writes something down. It may be of no interest any more, and is passed on nevertheless.
pub(super) async fn record(recorder: &mpsc::Sender<Event>, event: Event) {
    let _ = recorder.send(event).await;
}

impl Reports {
    /// The errors since the last time.
    pub(super) fn take(&self) -> Vec<String> {
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut reports)
    }

    pub(super) fn push(&self, text: String) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_REPORTS {
            kept.push(text);
        }
    }

    /// Keeps what is in the one message of a call.
    fn keep(&self, mut there: mpsc::Receiver<Event>) {
        let reports = self.clone();
        tokio::spawn(async move {
            let Some(Event::Message(bytes)) = there.recv().await else {
                return;
            };
            reports.push(UserFunctionError::decode(bytes).map_or_else(
                |error| format!("(not a UserFunctionError: {error})"),
                |error| error.message,
            ));
        });
    }
}
