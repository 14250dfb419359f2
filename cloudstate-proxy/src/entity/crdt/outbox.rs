//! What the user function has said, on its way to those it is for: nothing leaves before the changes that it may show
//! are durable, and everything leaves in order.

use std::{collections::VecDeque, pin::Pin, task::ready};

use cloudstate_protocol::cloudstate::SideEffect;
use futures_util::future::poll_fn;
use tokio::time::Instant;

use crate::{
    call::{CallError, Outcome},
    entity::{Lost, Respond},
    store::{Commit, StoreError},
    trace::Trace,
};

/// Something for somebody.
#[derive(Debug)]
pub(super) enum Parcel {
    /// The first or only answer to a command.
    Reply {
        respond: Respond,
        result: Result<Outcome, CallError>,
    },
    /// A further answer to a streamed command.
    Message {
        command: i64,
        outcome: Outcome,
        last: bool,
    },
    /// Side effects of something that nobody waits for.
    Effects {
        lost: Lost,
        effects: Vec<SideEffect>,
    },
}

/// Parcels, and the changes that they wait for.
///
/// One write is on its way at a time, of all that has changed before it. Whatever is changed meanwhile shares the next one, so that a
/// busy entity writes once per sync and not once per change.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    parcels: VecDeque<Waiting>,
    /// Changes so far.
    changes: u64,
    durable: u64,
    /// The write on its way, and the number of the last change in it.
    writing: Option<(u64, Commit)>,
}

/// A parcel that may have to wait.
#[derive(Debug)]
struct Waiting {
    /// The number of the last change that it may show.
    change: u64,
    parcel: Parcel,
    /// The trace that it belongs to, if it is recorded, and since when it waits for the store.
    traced: Option<(Trace, Instant)>,
}

impl Outbox {
    pub(super) fn push(&mut self, parcel: Parcel) {
        self.parcels.push_back(Waiting {
            change: self.changes,
            parcel,
            traced: None,
        });
    }

    /// Pushes an answer to a call of this trace. What it waits for the store is a span of it.
    pub(super) fn push_reply(
        &mut self,
        respond: Respond,
        result: Result<Outcome, CallError>,
        trace: Trace,
    ) {
        let waits = trace.is_recorded() && self.changes > self.durable;
        self.parcels.push_back(Waiting {
            change: self.changes,
            parcel: Parcel::Reply { respond, result },
            traced: waits.then(|| (trace, Instant::now())),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Whether nothing waits to leave or to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.parcels.is_empty() && self.durable == self.changes
    }

    /// The value has changed, and has to be written.
    pub(super) fn changed(&mut self) {
        self.changes += 1;
    }

    /// Starts a write if one is due and none is on its way.
    pub(super) fn write(&mut self, write: impl FnOnce() -> Commit) {
        if self.writing.is_none() && self.durable < self.changes {
            self.writing = Some((self.changes, write()));
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Waits for the write on its way; there must be one.
    ///
    /// May be dropped and called again at any point.
    pub(super) async fn written(&mut self) -> Result<(), StoreError> {
        poll_fn(|cx| {
            let Some((changes, commit)) = &mut self.writing else {
                return std::task::Poll::Pending;
            };
            let result = ready!(Pin::new(commit).poll(cx));
            if result.is_ok() {
                self.durable = *changes;
            }
            self.writing = None;
            std::task::Poll::Ready(result.map(drop))
        })
        .await
    }

    /// The next parcel that may leave.
    pub(super) fn next_ready(&mut self) -> Option<Parcel> {
        let durable = self.durable;
        let Waiting { parcel, traced, .. } = self
            .parcels
            .pop_front_if(|waiting| waiting.change <= durable)?;
        if let Some((trace, since)) = traced {
            trace.record("store", since);
        }
        Some(parcel)
    }

    /// Answers everybody who waits for a reply with this error. The changes are lost.
    pub(super) fn fail(&mut self, error: &CallError) {
        for waiting in self.parcels.drain(..) {
            if let Parcel::Reply { respond, .. } = waiting.parcel {
                respond.send(Err(error.clone()));
            }
        }
    }
}
