//! The requests of one HTTP/2 connection, run by the connection's own task.
//!
//! A task for each request costs two more wake-ups, mostly of another core: of the request's task by the entity that
//! answers, and of the connection's task by the answer. Here an answer wakes the connection's task, which hands on
//! whatever has been answered by then and writes it at once. What users wrote never runs in it: entities have tasks of
//! their own, and a request that calls an action [leaves](leave_connection) first.

use std::{
    cell::Cell,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{
    FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered, task::AtomicWaker,
};
use hyper::rt::Executor;

/// How often in a row a connection goes on with what has happened meanwhile, before others have their turn.
const ROUNDS: usize = 4;

thread_local! {
    /// Where what this thread polls runs.
    static PLACE: Cell<Place> = const { Cell::new(Place::Task) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a task of its own, as far as is known here.
    Task,
    /// In the task of a connection, where it keeps others waiting.
    Connection,
    /// There still, but it wants a task of its own.
    Leaving,
}

/// Goes on in a task of its own, if it runs in that of a connection. Whatever may take its time begins with this.
pub(crate) async fn leave_connection() {
    poll_fn(|cx| match PLACE.get() {
        Place::Task => Poll::Ready(()),
        Place::Connection | Place::Leaving => {
            PLACE.set(Place::Leaving);
            // Whatever is between here and the request polls this again only if it is woken.
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// What hyper runs the requests of one connection on.
#[derive(Clone, Default)]
pub(crate) struct Requests {
    /// Those that the connection has not begun to run.
    waiting: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Requests {
    fn execute(&self, request: F) {
        self.waiting().push(request.boxed());
    }
}

impl Requests {
    /// Runs the connection, and the requests that it gives to this. Those that are in progress at its end are finished.
    pub(crate) async fn run<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(Some(connection));
        let mut output = None;
        let mut running = FuturesUnordered::new();
        let turn = Arc::new(Turn::default());
        let waker = Waker::from(Arc::clone(&turn));
        poll_fn(|task| {
            turn.task.register(task.waker());
            let mut cx = Context::from_waker(&waker);
            for _ in 0..ROUNDS {
                turn.begin();
                // First what has been answered, then the connection, which writes it.
                while let Poll::Ready(Some(())) = running.poll_next_unpin(&mut cx) {}
                // Both are looked at once more: what has woken them until now need not have them wait for another round.
                turn.begin();
                if let Some(open) = connection.as_mut().as_pin_mut()
                    && let Poll::Ready(ended) = open.poll(&mut cx)
                {
                    output = Some(ended);
                    connection.set(None);
                }
                running.extend(
                    self.waiting()
                        .drain(..)
                        .map(|request| Running(Some(request))),
                );
                while let Poll::Ready(Some(())) = running.poll_next_unpin(&mut cx) {}
                if running.is_empty()
                    && let Some(output) = output.take()
                {
                    return Poll::Ready(output);
                }
                if turn.end() {
                    return Poll::Pending;
                }
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in the task of its connection. It ends when the request does, or leaves.
struct Running(Option<BoxFuture<'static, ()>>);

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(request) = &mut self.0 else {
            return Poll::Ready(());
        };
        PLACE.set(Place::Connection);
        // As in a task of its own: whoever panics harms nobody else. What it has unwound through is dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| request.poll_unpin(cx)));
        match (polled, PLACE.replace(Place::Task)) {
            (Ok(Poll::Ready(())) | Err(_), _) => self.0 = None,
            (Ok(Poll::Pending), Place::Leaving) => {
                if let Some(request) = self.0.take() {
                    tokio::spawn(request);
                }
            }
            (Ok(Poll::Pending), Place::Connection | Place::Task) => return Poll::Pending,
        }
        Poll::Ready(())
    }
}

/// Whether a connection is having its turn. What happens during it wakes nobody: it looks again at the end.
#[derive(Debug, Default)]
struct Turn {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Turn {
    const WAITING: u8 = 0;
    const HAVING_IT: u8 = 1;
    const WOKEN: u8 = 2;

    fn begin(&self) {
        self.state.swap(Self::HAVING_IT, Ordering::AcqRel);
    }

    /// Whether nothing has happened meanwhile.
    fn end(&self) -> bool {
        let (from, to) = (Self::HAVING_IT, Self::WAITING);
        let ended = self
            .state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        ended.is_ok()
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(Self::WOKEN, Ordering::AcqRel) == Self::WAITING {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        sync::mpsc,
        task::Poll,
        time::Duration,
    };

    use hyper::rt::Executor;
    use tokio::{sync::oneshot, time::timeout};

    use super::{Requests, leave_connection};

    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_request_that_leaves_keeps_nobody_waiting() {
        let requests = Requests::default();
        let (finish, finished) = mpsc::channel();
        let (answer, answered) = oneshot::channel();
        requests.execute(async move {
            leave_connection().await;
            // In the connection's task this would be for ever.
            finished.recv_timeout(SOON).unwrap();
            answer.send(()).unwrap();
        });
        requests.execute(async move { finish.send(()).unwrap() });
        tokio::spawn(requests.run(pending::<()>()));
        timeout(SOON, answered).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_request_that_panics_harms_no_other() {
        let requests = Requests::default();
        let (answer, answered) = oneshot::channel();
        requests.execute(async { panic!("what a handler may do") });
        requests.execute(async move { answer.send(()).unwrap() });
        tokio::spawn(requests.run(pending::<()>()));
        timeout(SOON, answered).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_is_in_progress_at_the_end_of_the_connection_is_finished() {
        let requests = Requests::default();
        let (go, gone) = oneshot::channel::<()>();
        let (answer, mut answered) = oneshot::channel();
        requests.execute(async move {
            gone.await.unwrap();
            answer.send("finished").unwrap();
        });
        let mut go = Some(go);
        let connection = poll_fn(move |_| match go.take() {
            Some(go) => {
                // Only once the connection is gone.
                tokio::spawn(async move { go.send(()) });
                Poll::Ready("ended")
            }
            None => Poll::Pending,
        });
        let ended = timeout(SOON, requests.run(connection)).await.unwrap();
        assert_eq!((ended, answered.try_recv()), ("ended", Ok("finished")));
    }

    #[tokio::test]
    async fn what_happens_outside_a_turn_wakes_the_connection() {
        let requests = Requests::default();
        for _ in 0..1000 {
            let (send, sent) = oneshot::channel::<()>();
            requests.execute(async move { sent.await.unwrap() });
            tokio::spawn(async move { send.send(()) });
        }
        let connection = poll_fn(|_| Poll::Ready(()));
        timeout(SOON, requests.run(connection)).await.unwrap();
    }

    #[tokio::test]
    async fn elsewhere_there_is_nothing_to_leave() {
        timeout(SOON, leave_connection()).await.unwrap();
    }
}
