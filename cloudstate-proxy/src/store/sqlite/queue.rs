//! What waits to be written, and what becomes of it when the thread that writes ends.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{lock::Lock, write::Write};
use crate::store::{Commit, Demand, StoreError};

/// Writes that may wait for the disk, and the bytes of their payloads.
const CAPACITY: usize = 65_536;
const CAPACITY_BYTES: usize = 256 << 20;
/// Writes that share a transaction at most, and the bytes after which it is full, so that a burst does not make one
/// that takes seconds.
const GROUP: usize = 4096;
const GROUP_BYTES: usize = 32 << 20;

/// Requests in progress that are a crowd. While one transaction is written, only a few of their writes gather for the next
/// where the disk is fast, because the processor is busy with the others; and each transaction costs a sync. Given a
/// pause, more gather: in trials, 0.3 ms brought 7 % more calls with 256 callers. Few callers would all wait for it: 0.25 ms
/// took 16 % of the calls of 16.
const CROWD: usize = 96;
/// Writes of the group before that show that the crowd writes, and writes that are enough without a pause.
const SOME: usize = 4;
const ENOUGH: usize = 64;
/// How long a group is given to grow.
const PAUSE: Duration = Duration::from_micros(250);

pub(super) type Answer = Result<u64, StoreError>;
type Closed = Result<(), StoreError>;

/// Where callers and the thread meet.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    demand: OnceLock<Demand>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Pending>,
    /// The thread sleeps until it is told of work.
    asleep: bool,
    /// Writes of the last group.
    last: usize,
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
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
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

    /// Learns where to ask how many requests are in progress. The first to say so is asked.
    pub(super) fn watch(&self, demand: Demand) {
        let _ = self.demand.set(demand);
    }

    /// Waits for work and moves it to `group`, oldest first; `false` when there is none and will be none.
    pub(super) fn take(&self, group: &mut Vec<Pending>) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.closed {
            state.asleep = true;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        if state.last >= SOME && state.waiting.len() < ENOUGH && !state.closed {
            drop(state);
            if self.demand.get().is_some_and(|demand| demand() >= CROWD) {
                thread::sleep(PAUSE);
            }
            state = self.state();
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
        state.last = group.len();
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

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("state", &self.state)
            .finish_non_exhaustive()
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

    use super::{CAPACITY_BYTES, CROWD, GROUP_BYTES, Queue, Running, SOME, Write};
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

    #[test]
    fn what_a_crowd_writes_in_a_pause_is_in_the_group() {
        let queue = Arc::new(Queue::default());
        let crowd = Arc::downgrade(&queue);
        queue.watch(Arc::new(move || {
            // Whoever is asked holds no lock.
            drop(crowd.upgrade().unwrap().push(append(1)));
            CROWD
        }));
        let mut group = Vec::new();
        for (written, taken) in [(SOME, SOME), (1, 2), (1, 1)] {
            for _ in 0..written {
                drop(queue.push(append(1)));
            }
            assert!(queue.take(&mut group));
            assert_eq!(group.drain(..).len(), taken);
        }
    }
}
