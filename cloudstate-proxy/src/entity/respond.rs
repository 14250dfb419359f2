//! The way back to a caller, who may have gone away.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use cloudstate_protocol::cloudstate::SideEffect;
use tokio::sync::{mpsc, oneshot};

use crate::{
    call::{CallError, Outcome},
    catalog::Method,
    metrics::{CommandMeter, EntityMeters},
};

/// The outcome of a command whose caller has gone away: its events are stored, so its side effects are still due.
#[derive(Debug)]
pub(crate) struct Abandoned {
    pub(crate) method: Arc<Method>,
    pub(crate) effects: Vec<SideEffect>,
}

/// Where outcomes go that nobody waits for.
///
/// The channel needs no bound of its own: whatever is in it was a request in progress.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    method: Arc<Method>,
    effects: mpsc::UnboundedSender<Abandoned>,
}

impl Lost {
    fn keep(&self, outcome: Outcome) {
        self.carry_out(outcome.effects);
    }

    /// Has side effects carried out that nobody waits for.
    pub(crate) fn carry_out(&self, effects: Vec<SideEffect>) {
        if !effects.is_empty() {
            let abandoned = Abandoned {
                method: Arc::clone(&self.method),
                effects,
            };
            // Fails only when the router is gone, and the process with it.
            let _ = self.effects.send(abandoned);
        }
    }
}

/// The entity's end.
#[derive(Debug)]
pub(crate) struct Respond {
    caller: oneshot::Sender<Result<Outcome, CallError>>,
    lost: Lost,
    meter: CommandMeter,
}

/// The caller's end: the outcome, once there is one.
#[derive(Debug)]
pub(crate) struct Awaited {
    outcome: oneshot::Receiver<Result<Outcome, CallError>>,
    lost: Lost,
}

impl Respond {
    /// Both ends, and where an outcome goes that the caller does not take.
    pub(crate) fn new(
        method: Arc<Method>,
        effects: mpsc::UnboundedSender<Abandoned>,
        meters: &Arc<EntityMeters>,
    ) -> (Self, Awaited) {
        let (caller, outcome) = oneshot::channel();
        let lost = Lost { method, effects };
        (
            Self {
                caller,
                lost: lost.clone(),
                meter: CommandMeter::new(meters),
            },
            Awaited { outcome, lost },
        )
    }

    /// Where side effects go that follow later.
    pub(crate) fn lost(&self) -> Lost {
        self.lost.clone()
    }

    /// Whether the caller has gone away.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    /// The command has to wait for its entity.
    pub(super) fn stash(&mut self) {
        self.meter.stash();
    }

    /// The command has waited for its entity, if it had to.
    pub(super) fn unstash(&mut self) {
        self.meter.unstash();
    }

    pub(crate) fn send(self, result: Result<Outcome, CallError>) {
        self.meter.answered(result.is_ok());
        if let Err(Ok(outcome)) = self.caller.send(result) {
            self.lost.keep(outcome);
        }
    }
}

impl Future for Awaited {
    type Output = Result<Outcome, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The sender is dropped unanswered only when the process stops under the entity.
        Pin::new(&mut self.outcome)
            .poll(cx)
            .map(|outcome| outcome.unwrap_or_else(|_| Err(CallError::stopping())))
    }
}

impl Drop for Awaited {
    /// An outcome that has been sent and not been taken is not lost either.
    fn drop(&mut self) {
        self.outcome.close();
        if let Ok(Ok(outcome)) = self.outcome.try_recv() {
            self.lost.keep(outcome);
        }
    }
}
