//! The clients that listen to an entity: calls whose response is a stream, from the first reply to the last message.

use std::collections::HashMap;

use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    call::{CallError, Outcome, Outcomes},
    entity::Lost,
    metrics::{EntityMeters, Limit},
};

/// How many messages may wait for one client. One that lets more come together is cut off: nobody waits for it.
const BUFFER: usize = 256;

/// The listeners of one entity, by the ids of their commands.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: HashMap<i64, Listener>,
    /// Each resolves to the id of a listener that has gone away.
    ///
    /// There from the first listener on: most entities have none.
    leaving: Option<FuturesUnordered<BoxFuture<'static, Option<i64>>>>,
}

#[derive(Debug)]
struct Listener {
    client: mpsc::Sender<Result<Outcome, CallError>>,
    /// Ends the wait for the client to go away.
    forgotten: CancellationToken,
    /// The user function has said its last on this stream, and the client has not heard it yet.
    ended: bool,
    lost: Lost,
}

/// A listener that is no more, of which the user function has to be told.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) command: i64,
    /// Where side effects go that follow from it.
    pub(super) lost: Lost,
}

impl Listeners {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether there is something to wait for in [`next_gone`](Self::next_gone).
    pub(super) fn is_watching(&self) -> bool {
        self.leaving
            .as_ref()
            .is_some_and(|leaving| !leaving.is_empty())
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether the user function may say something on this stream.
    pub(super) fn listens(&self, command: i64) -> bool {
        self.open
            .get(&command)
            .is_some_and(|listener| !listener.ended)
    }

    /// A new listener, and what it listens to.
    pub(super) fn add(&mut self, command: i64, lost: Lost) -> Outcomes {
        // One place is for the error that cuts the client off.
        let (client, outcomes) = mpsc::channel(BUFFER + 1);
        let forgotten = CancellationToken::new();
        let leaving = {
            let (client, forgotten) = (client.clone(), forgotten.clone());
            async move {
                tokio::select! {
                    () = client.closed() => Some(command),
                    () = forgotten.cancelled() => None,
                }
            }
        };
        self.leaving.get_or_insert_default().push(leaving.boxed());
        let listener = Listener {
            client,
            forgotten,
            ended: false,
            lost,
        };
        self.open.insert(command, listener);
        outcomes
    }

    /// The user function will say no more on this stream; what it has said is still on its way.
    pub(super) fn end(&mut self, command: i64) {
        if let Some(listener) = self.open.get_mut(&command) {
            listener.ended = true;
        }
    }

    /// Passes a message on. A client that is too slow is cut off; then it is gone.
    pub(super) fn deliver(
        &mut self,
        command: i64,
        outcome: Outcome,
        last: bool,
        meters: &EntityMeters,
    ) -> Option<Gone> {
        let listener = self.open.get(&command)?;
        let slow = listener.client.capacity() <= 1;
        let message = if slow {
            meters.rejected(Limit::UnreadMessages);
            Err(CallError::exhausted(format!(
                "{BUFFER} messages wait for this client, which does not read them"
            )))
        } else {
            Ok(outcome)
        };
        // Fails only if the client has gone, which is noticed elsewhere.
        let _ = listener.client.try_send(message);
        let ended = listener.ended;
        if slow || last {
            let gone = self.forget(command)?;
            return (!ended).then_some(gone);
        }
        None
    }

    /// The next client that goes away by itself, unless the user function has ended its stream.
    ///
    /// May be dropped and called again at any point.
    pub(super) async fn next_gone(&mut self) -> Option<Gone> {
        let command = self.leaving.as_mut()?.next().await??;
        let ended = !self.listens(command);
        let gone = self.forget(command)?;
        (!ended).then_some(gone)
    }

    /// Ends every stream with this error.
    pub(super) fn fail_all(&mut self, error: &CallError) -> Vec<Gone> {
        let commands: Vec<i64> = self.open.keys().copied().collect();
        let mut gone = Vec::with_capacity(commands.len());
        for command in commands {
            if let Some(listener) = self.open.get(&command) {
                let ended = listener.ended;
                // There is always a place for an error, unless it was taken by one.
                let _ = listener.client.try_send(Err(error.clone()));
                gone.extend(self.forget(command).filter(|_| !ended));
            }
        }
        gone
    }

    fn forget(&mut self, command: i64) -> Option<Gone> {
        let listener = self.open.remove(&command)?;
        listener.forgotten.cancel();
        Some(Gone {
            command,
            lost: listener.lost,
        })
    }
}
