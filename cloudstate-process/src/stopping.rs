//! Tells everything that goes on in a process that the process stops.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::{Notify, futures::OwnedNotified};

/// A word to all who wait for it, given once. Clones give the same word.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Arc<Word>);

#[derive(Debug, Default)]
struct Word {
    given: AtomicBool,
    /// In an `Arc` of its own, as its futures want it.
    waiting: Arc<Notify>,
}

impl Stopping {
    /// Tells all who wait, and all who will.
    pub fn stop(&self) {
        self.0.given.store(true, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Resolves when the process stops, and again whenever it is polled behind that.
    pub fn stopped(&self) -> Stopped {
        Stopped {
            stopping: self.clone(),
            told: None,
            heard_by: None,
        }
    }
}

/// Waits for [`Stopping::stop`].
///
/// It is made to be polled together with something that comes all the time: only the first poll by a task takes a lock, which
/// is one for the whole process; the others read a flag.
#[derive(Debug)]
pub struct Stopped {
    stopping: Stopping,
    told: Option<Pin<Box<OwnedNotified>>>,
    /// Whom the word wakes.
    heard_by: Option<Waker>,
}

impl Future for Stopped {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Word { given, waiting } = &*this.stopping.0;
        let hears = |waker: &Waker| waker.will_wake(cx.waker());
        if given.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if this.heard_by.as_ref().is_some_and(hears) {
            return Poll::Pending;
        }
        let told = this
            .told
            .get_or_insert_with(|| Box::pin(Arc::clone(waiting).notified_owned()));
        let told = told.as_mut().poll(cx);
        this.heard_by = Some(cx.waker().clone());
        // The word may have been given before there was somebody to tell.
        if told.is_ready() || given.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Future, poll_fn},
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use tokio::sync::oneshot;

    use super::Stopping;

    #[tokio::test]
    async fn everybody_is_told_and_whoever_comes_later() {
        let stopping = Stopping::default();
        let (waits, waiting) = oneshot::channel();
        let mut waits = Some(waits);
        let mut stopped = stopping.stopped();
        let waiter = tokio::spawn(poll_fn(move |cx| {
            let poll = pin!(&mut stopped).poll(cx);
            if let Some(waits) = waits.take() {
                assert!(poll.is_pending());
                waits.send(()).unwrap();
            }
            poll
        }));
        waiting.await.unwrap();
        stopping.clone().stop();
        waiter.await.unwrap();
        stopping.stopped().await;
    }

    #[tokio::test]
    async fn the_task_that_polled_last_is_woken() {
        let stopping = Stopping::default();
        let mut stopped = stopping.stopped();
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(pin!(&mut stopped).poll(&mut nobody).is_pending());
        let (waits, waiting) = oneshot::channel();
        let mut waits = Some(waits);
        let waiter = tokio::spawn(async move {
            poll_fn(|cx| {
                let poll = pin!(&mut stopped).poll(cx);
                if let Some(waits) = waits.take() {
                    waits.send(()).unwrap();
                }
                poll
            })
            .await;
            // Once it is over it stays over.
            assert_eq!(
                poll_fn(|cx| pin!(&mut stopped).poll(cx).map(Poll::Ready)).await,
                Poll::Ready(())
            );
        });
        waiting.await.unwrap();
        stopping.stop();
        waiter.await.unwrap();
    }
}
