//! A call between the proxy and the service, as the interceptor has recorded it.

use std::{marker::PhantomData, rc::Rc, time::Duration};

use prost::{Message, Name};
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::{
    connection::Link,
    conversation::Direction,
    failure::{Failure, Verdict},
    reader::{Party, Reader},
};

use super::recording::RecordedCall;

/// How long nothing must come behind a case.
const QUIET: Duration = Duration::from_millis(10);

/// The calls that the proxy has made and no case has looked at, in their order.
#[derive(Clone, Debug)]
pub struct Intercepted(Rc<Mutex<mpsc::Receiver<RecordedCall>>>);

/// A call of the proxy: `In` goes to the service, `Out` comes from it.
#[derive(Debug)]
pub struct Overheard<In, Out> {
    /// What the proxy sends.
    pub there: Reader<In>,
    /// What the service sends.
    pub back: Reader<Out>,
}

impl Intercepted {
    pub(super) fn new(calls: mpsc::Receiver<RecordedCall>) -> Self {
        Self(Rc::new(Mutex::new(calls)))
    }

    /// Waits for the next call, which must be one of this rpc, such as `/cloudstate.crdt.Crdt/handle`.
    ///
    /// `link` tells how long to wait, and where to write down what is said.
    ///
    /// # Errors
    /// There is none in time, or it is of another rpc.
    pub async fn next<In, Out>(&self, link: &Link, path: &str) -> Verdict<Overheard<In, Out>> {
        let mut calls = self.0.lock().await;
        let call = match timeout(link.patience, calls.recv()).await {
            Ok(Some(call)) => call,
            Ok(None) => return Err(Failure::new("the interceptor has stopped")),
            Err(_) => {
                let patience = link.patience;
                return Err(Failure::new(format!(
                    "the proxy was to call {path}, and did not within {patience:?}"
                )));
            }
        };
        if call.path != path {
            let other = call.path;
            return Err(Failure::new(format!(
                "the proxy was to call {path}, and called {other} instead"
            )));
        }
        let speaker = link.conversation.overhear();
        speaker.event(Direction::There, &format!("the proxy calls {path}"));
        Ok(Overheard {
            there: Reader {
                events: call.there,
                from: Party::Proxy,
                direction: Direction::There,
                patience: link.patience,
                speaker: speaker.clone(),
                descriptors: Rc::clone(&link.descriptors),
                types: PhantomData,
            },
            back: Reader {
                events: call.back,
                from: Party::Service,
                direction: Direction::Back,
                patience: link.patience,
                speaker,
                descriptors: Rc::clone(&link.descriptors),
                types: PhantomData,
            },
        })
    }

    /// Checks that the proxy makes no further call.
    ///
    /// # Errors
    /// It does.
    pub(crate) async fn expect_none(&self) -> Verdict {
        let mut calls = self.0.lock().await;
        match timeout(QUIET, calls.recv()).await {
            Ok(Some(call)) => Err(Failure::new(format!(
                "the proxy called {} besides, which nobody asked for",
                call.path
            ))),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Forgets the calls that nobody has looked at, and tells how many they were.
    pub(crate) async fn clear(&self) -> usize {
        let mut calls = self.0.lock().await;
        std::iter::from_fn(|| calls.try_recv().ok()).count()
    }
}

impl<In, Out> Overheard<In, Out>
where
    In: Message + Name + Default + PartialEq,
    Out: Message + Name + Default + PartialEq,
{
    /// Waits for the proxy to end its side, and then for the service to complete the call.
    ///
    /// # Errors
    /// One of them does not, or sends something else.
    pub async fn expect_end(&mut self) -> Verdict {
        self.there.expect_end("of the call to the service").await?;
        self.back.expect_end("behind the end of its input").await
    }
}
