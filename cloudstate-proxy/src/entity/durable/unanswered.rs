//! Commands that the user function has handled and whose callers still wait for the journal.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Poll, ready},
};

use crate::{
    call::{CallError, Outcome},
    entity::Respond,
    store::{Commit, StoreError},
};

/// In order of handling. Each is answered after its own commit, and none before those ahead of it: a query that has seen
/// an event waits until that event is durable.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    queue: VecDeque<Pending>,
}

#[derive(Debug)]
struct Pending {
    commit: Option<Commit>,
    respond: Respond,
    result: Result<Outcome, CallError>,
}

impl Unanswered {
    pub(super) fn push(
        &mut self,
        commit: Option<Commit>,
        respond: Respond,
        result: Result<Outcome, CallError>,
    ) {
        if commit.is_none() && self.queue.is_empty() {
            respond.send(result);
        } else {
            // Most often it stays alone; by itself the queue would take four places, a kilobyte.
            if self.queue.capacity() == 0 {
                self.queue.reserve_exact(1);
            }
            self.queue.push_back(Pending {
                commit,
                respond,
                result,
            });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Answers in order as commits arrive, until nothing is left.
    ///
    /// May be dropped and called again at any point.
    ///
    /// # Errors
    /// A commit failed. Its caller and every caller behind it have been told.
    pub(super) async fn answer_all(&mut self) -> Result<(), StoreError> {
        poll_fn(|cx| {
            while let Some(front) = self.queue.front_mut() {
                if let Some(commit) = &mut front.commit
                    && let Err(error) = ready!(Pin::new(commit).poll(cx))
                {
                    let failure = CallError::from(error.clone());
                    for pending in self.queue.drain(..) {
                        pending.respond.send(Err(failure.clone()));
                    }
                    return Poll::Ready(Err(error));
                }
                if let Some(pending) = self.queue.pop_front() {
                    pending.respond.send(pending.result);
                }
            }
            // An idle entity keeps no room.
            self.queue.shrink_to(0);
            Poll::Ready(Ok(()))
        })
        .await
    }
}
