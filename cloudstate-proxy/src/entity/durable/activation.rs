//! One stretch of an entity's life in memory: loaded once, then serving commands until it is idle or has to be reloaded.

use std::{pin::pin, sync::Arc, time::Duration};

use cloudstate_protocol::cloudstate::{Command, Failure, client_action::Action};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tonic::Code;

use super::{DurableHost, End, Heard, Kind, Loaded, Reply, unanswered::Unanswered};
use crate::{
    call::{CallError, Outcome},
    entity::{Envelope, Inbox},
    store::{EntityRef, StoreError},
    user_function::{Connection, UserFunctionError},
};

/// How many handled commands may wait for the journal before the next one is begun.
const PIPELINE: usize = 1024;
/// How long a user function may take to complete a stream that the proxy has half-closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A loaded entity.
pub(super) struct Activation<'a, K: Kind> {
    host: &'a DurableHost<K>,
    entity: &'a Arc<EntityRef>,
    kind: K,
    connection: Connection<K::In, K::Out>,
    last_command: i64,
    running: Option<Running>,
    unanswered: Unanswered,
    /// The stream started from a snapshot and nothing has been heard since: a failure may be the snapshot's fault.
    snapshot_on_trial: bool,
}

struct Running {
    envelope: Envelope,
    since: Instant,
}

impl<'a, K: Kind> Activation<'a, K> {
    pub(super) fn new(
        host: &'a DurableHost<K>,
        entity: &'a Arc<EntityRef>,
        loaded: Loaded<K>,
    ) -> Self {
        Self {
            host,
            entity,
            kind: loaded.kind,
            connection: loaded.connection,
            last_command: 0,
            running: None,
            unanswered: Unanswered::default(),
            snapshot_on_trial: loaded.snapshot_on_trial,
        }
    }

    /// Serves commands until the activation is over. Whoever waited for something has been answered then.
    pub(super) async fn serve(&mut self, inbox: &mut Inbox) -> End {
        let host = self.host;
        let mut last_used = Instant::now();
        let mut timer = pin!(sleep_until(last_used + host.limits.passivate_after));
        let mut stopping = pin!(host.live.stopping());
        loop {
            let free = self.running.is_none();
            let end = tokio::select! {
                biased;
                committed = self.unanswered.answer_all(), if !self.unanswered.is_empty() => match committed {
                    Ok(()) => None,
                    Err(error) => Some(self.lost(&error)),
                },
                message = self.connection.next() => {
                    last_used = Instant::now();
                    self.hear(message, inbox).await
                }
                envelope = inbox.next(), if free && self.unanswered.len() < PIPELINE => {
                    last_used = Instant::now();
                    self.begin(envelope, timer.as_mut()).await
                }
                () = &mut timer => self.tick(last_used, timer.as_mut()).await,
                () = &mut stopping, if free && self.unanswered.is_empty() && inbox.is_empty() => Some(End::Stopped),
            };
            if let Some(end) = end {
                if matches!(
                    end,
                    End::Idle | End::Stopped | End::Reload { at_once: true }
                ) {
                    self.close().await;
                }
                return end;
            }
        }
    }

    /// Sends a command to the user function.
    async fn begin(
        &mut self,
        envelope: Envelope,
        mut timer: std::pin::Pin<&mut Sleep>,
    ) -> Option<End> {
        self.last_command += 1;
        let call = &envelope.call;
        let command = Command {
            entity_id: self.entity.key().entity_id.to_string(),
            id: self.last_command,
            name: call.method.name.to_string(),
            payload: Some(call.message()),
            streamed: false,
            metadata: call.metadata.clone(),
        };
        let since = Instant::now();
        let deadline = since + self.host.limits.command_timeout;
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        self.running = Some(Running { envelope, since });
        let sent = timeout(
            self.host.limits.command_timeout,
            self.connection.send(K::command(command)),
        );
        match sent.await {
            Ok(Ok(())) => None,
            // The stream says why it ended when it is read.
            Ok(Err(_)) => None,
            Err(_) => Some(self.timed_out().await),
        }
    }

    /// Handles a message from the user function, or the end of its stream.
    async fn hear(
        &mut self,
        message: Option<Result<K::Out, UserFunctionError>>,
        inbox: &mut Inbox,
    ) -> Option<End> {
        match message {
            Some(Ok(message)) => match K::heard(message) {
                Heard::Reply(reply) => self.reply(reply).await,
                Heard::Failure(failure) => Some(self.failure(failure, inbox).await),
                Heard::Nothing => {
                    Some(self.defect("the user function sent an empty message").await)
                }
            },
            Some(Err(error)) => {
                tracing::error!(entity = %self.entity.key(), %error, "the stream to the user function broke");
                let answer = if error.is_unreachable() {
                    error.into()
                } else {
                    CallError::new(Code::Unknown, K::TERMINATION)
                };
                Some(self.give_up(answer).await)
            }
            None => {
                tracing::error!(entity = %self.entity.key(), "the user function ended the stream");
                Some(
                    self.give_up(CallError::new(Code::Unknown, K::TERMINATION))
                        .await,
                )
            }
        }
    }

    async fn reply(&mut self, reply: Reply<K::Changes>) -> Option<End> {
        let running = match self.running.take() {
            Some(running) if reply.command_id == self.last_command => running,
            other => {
                self.running = other;
                let text = format!(
                    "a reply to command {}, which is not the one it was given",
                    reply.command_id
                );
                return Some(self.defect(&text).await);
            }
        };
        self.snapshot_on_trial = false;
        if let Some(Action::Failure(failure)) = reply.action {
            let restart = failure.restart && K::RESTARTS;
            self.unanswered.push(
                None,
                running.envelope.respond,
                Err(CallError::refused(failure.description)),
            );
            return if restart {
                Some(self.settle(End::Reload { at_once: true }).await)
            } else {
                None
            };
        }
        let store = &*self.host.store;
        let commit = match self.kind.store(store, self.entity, reply.changes) {
            Ok(commit) => commit,
            Err(problem) => {
                self.running = Some(running);
                return Some(self.defect(problem).await);
            }
        };
        let outcome = Outcome {
            action: reply.action,
            effects: reply.effects,
            more: None,
        };
        self.unanswered
            .push(commit, running.envelope.respond, Ok(outcome));
        None
    }

    /// A failure outside a reply: the stream is of no use any more.
    async fn failure(&mut self, failure: Failure, inbox: &mut Inbox) -> End {
        if self.snapshot_on_trial && failure.command_id == 0 {
            if let Some(running) = self.running.take() {
                inbox.put_back(running.envelope);
            }
            return End::SnapshotRefused;
        }
        tracing::error!(
            entity = %self.entity.key(), command = failure.command_id, description = %failure.description,
            "the user function failed"
        );
        self.give_up(CallError::new(Code::Unknown, K::FAILURE))
            .await
    }

    /// The user function broke the protocol.
    async fn defect(&mut self, what: &str) -> End {
        let report = format!("entity {}: {what}", self.entity.key());
        tracing::error!("{report}");
        self.host.user_function.report_error(report).await;
        self.give_up(CallError::new(Code::Unknown, K::FAILURE))
            .await
    }

    async fn timed_out(&mut self) -> End {
        let limit = self.host.limits.command_timeout;
        tracing::error!(entity = %self.entity.key(), ?limit, "the user function took too long over a command");
        let text =
            format!("the entity did not answer within {limit:?} (CLOUDSTATE_COMMAND_TIMEOUT)");
        self.give_up(CallError::new(Code::DeadlineExceeded, text))
            .await
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

    /// Waits for the journal, so that what is loaded next includes everything that was handled.
    async fn settle(&mut self, then: End) -> End {
        match self.unanswered.answer_all().await {
            Ok(()) => then,
            Err(error) => self.lost(&error),
        }
    }

    /// The journal refused a commit: the state in memory is ahead of it.
    fn lost(&mut self, error: &StoreError) -> End {
        tracing::error!(entity = %self.entity.key(), %error, "what was handled could not be stored");
        if let Some(running) = self.running.take() {
            running.envelope.respond.send(Err(error.clone().into()));
        }
        End::Reload { at_once: false }
    }

    /// Sees whether the entity has been idle, or a command running, for too long; otherwise sets the timer anew.
    async fn tick(&mut self, last_used: Instant, timer: std::pin::Pin<&mut Sleep>) -> Option<End> {
        let now = Instant::now();
        let due = match &self.running {
            Some(running) => running.since + self.host.limits.command_timeout,
            None => last_used + self.host.limits.passivate_after,
        };
        if due > now {
            timer.reset(due);
            return None;
        }
        if self.running.is_some() {
            return Some(self.timed_out().await);
        }
        Some(self.settle(End::Idle).await)
    }

    /// Half-closes the stream and waits for the user function to complete it.
    async fn close(&mut self) {
        let entity = self.entity.key();
        let completed = timeout(CLOSE_TIMEOUT, async {
            self.connection.close().await?;
            while let Some(message) = self.connection.next().await {
                message?;
                tracing::warn!(%entity, "the user function sent a message after its stream was closed");
            }
            Ok::<_, UserFunctionError>(())
        });
        match completed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%entity, %error, "the stream did not end in good order");
            }
            Err(_) => {
                tracing::warn!(%entity, "the user function did not complete its stream within {CLOSE_TIMEOUT:?}");
            }
        }
    }
}
