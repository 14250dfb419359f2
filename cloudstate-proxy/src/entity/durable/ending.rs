//! How an activation ends: idle, restarted, given up, or at odds with the store.

use futures_util::{SinkExt, StreamExt};
use tonic::Code;

use super::{End, Kind, Parked, activation::Activation};
use crate::{
    call::CallError,
    entity::{Inbox, closing},
    store::StoreError,
};

/// Why an activation does not go on. What is left to do takes time.
#[derive(Debug)]
pub(super) enum Ending {
    /// Nothing happened for a while.
    Idle,
    /// The process is stopping, and nothing is in progress.
    Stopped,
    /// The user function wants to be told anew what is stored.
    Restart,
    /// The user function could not make use of the snapshot.
    SnapshotRefused,
    /// The store refused a change: the state in memory is ahead of it.
    Lost(StoreError),
    /// There will be no answer to the command that runs but this one.
    GivenUp(CallError),
    /// The user function broke the protocol, in this way.
    Defect(String),
}

impl<K: Kind> Activation<'_, K> {
    /// Answers whoever waits, and closes the stream where it is of use to.
    ///
    /// Commands that were given ahead of the running one's reply are for the next activation, like those that have not
    /// been given yet: whatever the user function made of them was on this stream, and nothing of it is stored.
    pub(super) async fn end(&mut self, ending: Ending, inbox: &mut Inbox<Parked<K>>) -> End {
        let moot = self.put_back(inbox);
        let end = match ending {
            Ending::Idle => self.settle(End::Idle).await,
            Ending::Stopped => End::Stopped,
            Ending::Restart => self.settle(End::Reload { at_once: true }).await,
            Ending::SnapshotRefused => End::SnapshotRefused,
            Ending::Lost(error) => self.lost(&error),
            Ending::GivenUp(error) => self.give_up(error).await,
            Ending::Defect(what) => {
                let report = format!("entity {}: {what}", self.entity.key());
                let host = self.host;
                {
                    let _logged = self.traced();
                    host.live.report(&host.user_function, report);
                }
                self.give_up(CallError::new(Code::Unknown, K::FAILURE))
                    .await
            }
        };
        if matches!(
            end,
            End::Idle | End::Stopped | End::Reload { at_once: true }
        ) {
            self.close(moot).await;
        }
        end
    }

    /// Puts the commands that were given ahead back into the inbox, in their order.
    fn put_back(&mut self, inbox: &mut Inbox<Parked<K>>) -> usize {
        let moot = self.ahead.len();
        for ahead in self.ahead.drain(..).rev() {
            inbox.put_back(ahead.envelope);
        }
        moot
    }

    /// Answers what was handled before, then the running command with an error; those that wait are for the next
    /// activation.
    async fn give_up(&mut self, error: CallError) -> End {
        let end = self.settle(End::Reload { at_once: false }).await;
        if let Some(running) = self.running.take() {
            running.envelope.respond.send(Err(error));
        }
        end
    }

    /// Waits for the store, so that what is loaded next includes everything that was handled.
    async fn settle(&mut self, then: End) -> End {
        match self.unanswered.answer_all().await {
            Ok(()) => then,
            Err(error) => self.lost(&error),
        }
    }

    fn lost(&mut self, error: &StoreError) -> End {
        tracing::error!(entity = %self.entity.key(), %error, "what was handled could not be stored");
        if let Some(running) = self.running.take() {
            running.envelope.respond.send(Err(error.clone().into()));
        }
        End::Reload { at_once: false }
    }

    /// Half-closes the stream and waits for the user function to complete it, perhaps behind as many replies that are moot.
    async fn close(&mut self, moot: usize) {
        let entity = self.entity.key();
        let connection = &mut self.connection;
        closing::close(entity, async {
            connection.close().await?;
            for _ in 0..moot {
                match connection.next().await {
                    Some(message) => drop(message?),
                    None => return Ok(()),
                }
            }
            closing::hear_out(entity, connection).await
        })
        .await;
    }
}
