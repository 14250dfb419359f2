//! What waits to be written, and what becomes of it when the thread that writes ends.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::{lock::Lock, write::Write};
use crate::store::{Commit, StoreError};

/// Writes that may wait for the disk, and the bytes of their payloads.
const CAPACITY: usize = 65_536;
const CAPACITY_BYTES: usize = 256 << 20;
/// Writes that share a transaction at most, and the bytes after which it is full, so that a burst does not make one
/// that takes seconds.
const GROUP: usize = 4096;
const GROUP_BYTES: usize = 32 << 20;

pub(super) type Answer = Result<u64, StoreError>;
type Closed = Result<(), StoreError>;

/// Where callers and the thread meet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Pending>,
    /// Of the payloads that wait.
    bytes: usize,
    closing: Vec<oneshot::Sender<Closed>>,
    /// Nothing more is taken.
    closed: bool,
    /// The thread has ended.
    ended: bool,
    /// Set once writing has become impossible.
    failed: Option<StoreError>,
}

/// A write and who waits for it.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) write: Write,
    bytes: usize,
    respond: oneshot::Sender<Answer>,
}

impl Pending {
    pub(super) fn answer(self, answer: Answer) {
        // The caller may have gone.
        let _ = self.respond.send(answer);
    }
}

impl Queue {
    /// Adds a write, unless it must be refused.
    pub(super) fn push(&self, write: Write) -> Commit {
        let mut state = self.state();
        if let Some(error) = &state.failed {
            return Commit::ready(Err(error.clone()));
        }
        if state.closed {
            return Commit::ready(Err(StoreError::Closed));
        }
        let waiting = state.waiting.len();
        let bytes = write.size();
        // What is larger than all room is taken when there is nothing else.
        if waiting >= CAPACITY || waiting > 0 && state.bytes + bytes > CAPACITY_BYTES {
            return Commit::ready(Err(StoreError::Overloaded { waiting }));
        }
        let (respond, answer) = oneshot::channel();
        state.bytes += bytes;
        state.waiting.push(Pending {
            write,
            bytes,
            respond,
        });
        drop(state);
        // The thread sleeps only while nothing waits.
        if waiting == 0 {
            self.work.notify_one();
        }
        Commit::waiting(answer)
    }

    /// How many writes wait.
    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Takes nothing more; the future resolves when the thread has ended.
    pub(super) fn close(&self) -> impl Future<Output = Closed> + Send + 'static {
        let (done, closed) = oneshot::channel();
        let mut state = self.state();
        state.closed = true;
        if state.ended {
            let _ = done.send(state.outcome());
        } else {
            state.closing.push(done);
        }
        drop(state);
        self.work.notify_one();
        async move { closed.await.unwrap_or(Ok(())) }
    }

    /// Waits for work and moves it to `group`, oldest first; `false` when there is none and will be none.
    pub(super) fn take(&self, group: &mut Vec<Pending>) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.closed {
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.waiting.len() <= GROUP && state.bytes <= GROUP_BYTES {
            std::mem::swap(&mut state.waiting, group);
            state.bytes = 0;
        } else {
            let mut bytes = 0;
            let room = |pending: &&Pending| {
                let has_room = bytes < GROUP_BYTES;
                bytes += pending.bytes;
                has_room
            };
            let count = state.waiting.iter().take(GROUP).take_while(room).count();
            group.extend(state.waiting.drain(..count));
            state.bytes -= group.iter().map(|pending| pending.bytes).sum::<usize>();
        }
        !group.is_empty()
    }

    /// Refuses what waits and everything that comes.
    pub(super) fn fail(&self, error: &StoreError) {
        let mut state = self.state();
        state.failed.get_or_insert_with(|| error.clone());
        state.bytes = 0;
        for pending in state.waiting.drain(..) {
            pending.answer(Err(error.clone()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn outcome(&self) -> Closed {
        self.failed.clone().map_or(Ok(()), Err)
    }
}

/// Held by the thread: however it ends, the directory is free before anybody hears of it, and nobody waits for ever.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) queue: Arc<Queue>,
    pub(super) lock: Option<Lock>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lock = None;
        if thread::panicking() {
            self.queue.fail(&StoreError::Unavailable {
                reason: "the thread that writes the journal has panicked; restart the program"
                    .into(),
            });
        }
        let mut state = self.queue.state();
        state.closed = true;
        state.ended = true;
        let outcome = state.outcome();
        for done in state.closing.drain(..) {
            let _ = done.send(outcome.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use cloudstate_protocol::Any;

    use super::{CAPACITY_BYTES, GROUP_BYTES, Queue, Running, Write};
    use crate::store::{Append, EntityKey, EntityRef, StoreError};

    fn append(bytes: usize) -> Write {
        let key = EntityKey {
            persistence_id: "test".into(),
            entity_id: "one".into(),
        };
        Write::Append(Append {
            entity: Arc::new(EntityRef::new(key)),
            after: 0,
            events: vec![Any {
                type_url: "test".into(),
                value: vec![0; bytes].into(),
            }],
            snapshot: None,
        })
    }

    #[tokio::test]
    async fn a_panic_of_the_thread_answers_everybody() {
        let queue = Arc::new(Queue::default());
        let (taken, waiting) = (queue.push(append(1)), queue.push(append(1)));
        let closing = queue.close();
        let running = Running {
            queue: Arc::clone(&queue),
            lock: None,
        };
        let thread = thread::spawn(move || {
            let mut group = Vec::new();
            assert!(running.queue.take(&mut group));
            running.queue.state().waiting.push(group.remove(1));
            panic!("as expected");
        });
        assert!(thread.join().is_err());
        // The outcome of what was being written is not known; what waited was refused.
        assert_eq!(taken.await, Err(StoreError::Closed));
        for refused in [waiting.await, queue.push(append(1)).await] {
            assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
        }
        for closed in [closing.await, queue.close().await] {
            assert!(matches!(closed, Err(StoreError::Unavailable { .. })));
        }
    }

    #[test]
    fn bytes_are_bounded_in_the_queue_and_in_a_group() {
        let queue = Queue::default();
        let size = GROUP_BYTES / 2;
        let room = CAPACITY_BYTES / size;
        let accepted: Vec<_> = (0..room).map(|_| queue.push(append(size))).collect();
        assert!(format!("{:?}", queue.push(append(1))).contains("Overloaded"));
        let mut group = Vec::new();
        let mut left = accepted.len();
        while left > 0 {
            assert!(queue.take(&mut group));
            assert_eq!(group.len(), 2);
            left -= group.drain(..).len();
        }
        // One that is larger than all room is taken alone.
        let _large = queue.push(append(CAPACITY_BYTES + 1));
        assert!(queue.take(&mut group));
        assert_eq!(group.len(), 1);
    }
}
