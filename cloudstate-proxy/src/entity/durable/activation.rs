//! One stretch of an entity's life in memory: loaded once, then serving commands until it is idle or has to be reloaded.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use cloudstate_protocol::cloudstate::{Command, Failure, client_action::Action};
use futures_util::{SinkExt, StreamExt, future::ready};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tonic::Code;
use tracing::span::EnteredSpan;

use super::{
    DurableHost, End, Heard, Kind, Loaded, Parked, Reply, ending::Ending, unanswered::Unanswered,
};
use crate::{
    call::{Call, CallError, Outcome},
    entity::{Envelope, Inbox, LINGER, Wanted},
    store::{Commit, EntityRef, Store, Write},
    topics::{Message, Origin},
    user_function::{Connection, UserFunctionError},
};

/// How many handled commands may wait for the journal before the next one is begun.
const PIPELINE: usize = 1024;

/// A loaded entity.
pub(super) struct Activation<'a, K: Kind> {
    pub(super) host: &'a DurableHost<K>,
    pub(super) entity: &'a Arc<EntityRef>,
    kind: K,
    pub(super) connection: Connection<K::In, K::Out>,
    last_command: i64,
    /// The command that is to be replied to next.
    pub(super) running: Option<Running>,
    /// Those that were given behind it, where the user function takes several. Nothing of them is stored, so that they
    /// can go back into the inbox.
    pub(super) ahead: VecDeque<Running>,
    pub(super) unanswered: Unanswered,
    /// The stream started from a snapshot and nothing has been heard since: a failure may be the snapshot's fault.
    snapshot_on_trial: bool,
}

pub(super) struct Running {
    pub(super) envelope: Envelope,
    since: Instant,
}

/// Where an activation stands with its user function, behind each thing that happened.
enum Said<In> {
    /// There is nothing that it has not taken.
    Whole,
    /// It has not taken this message; or none is left, but not all is under way.
    Part(Option<In>),
    /// There is nothing more to say.
    Last(Ending),
}

impl<In> Said<In> {
    fn whole_or(ending: Option<Ending>) -> Self {
        ending.map_or(Self::Whole, Self::Last)
    }
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
            last_command: loaded.last_command,
            running: None,
            ahead: VecDeque::new(),
            unanswered: Unanswered::default(),
            snapshot_on_trial: loaded.snapshot_on_trial,
        }
    }

    /// What is left of it when it is at rest.
    pub(super) fn into_loaded(self) -> Loaded<K> {
        Loaded {
            kind: self.kind,
            connection: self.connection,
            last_command: self.last_command,
            snapshot_on_trial: self.snapshot_on_trial,
        }
    }

    /// Serves commands until the activation is over, or the entity can be parked. Whoever waited for something has been
    /// answered then.
    ///
    /// What an entity does all the time is decided without waiting. Only its end waits, and has a box of its own: an entity
    /// that is idle is then not as large as its end.
    pub(super) async fn serve(&mut self, inbox: &mut Inbox<Parked<K>>, wanted: Wanted) -> End {
        let host = self.host;
        if wanted == Wanted::ToLeave && inbox.is_empty() {
            return Box::pin(self.end(Ending::Idle, inbox)).await;
        }
        let mut last_used = Instant::now();
        let mut lingers = wanted == Wanted::Again && host.may_park();
        let patience =
            if lingers { LINGER } else { Duration::MAX }.min(host.limits.passivate_after);
        let mut timer = pin!(sleep_until(
            last_used + patience.min(host.limits.command_timeout)
        ));
        let mut stopping = pin!(host.live.stopping());
        loop {
            let free = self.running.is_none();
            let takes_another = self.takes_another();
            let said = tokio::select! {
                biased;
                committed = self.unanswered.answer_all(), if !self.unanswered.is_empty() => {
                    Said::whole_or(committed.err().map(Ending::Lost))
                }
                message = self.connection.next() => {
                    last_used = Instant::now();
                    Said::whole_or(self.hear(message, inbox))
                }
                envelope = inbox.next(), if takes_another => {
                    last_used = Instant::now();
                    self.begin(envelope, inbox, timer.as_mut())
                }
                () = ready(()), if !lingers && host.may_park() && free && self.unanswered.is_empty() => {
                    match self.listen_no_more() {
                        Poll::Pending => return End::AtRest { since: last_used },
                        Poll::Ready(message) => Said::whole_or(self.hear(message, inbox)),
                    }
                }
                () = &mut timer, if lingers || !free || !host.may_park() => {
                    match self.tick(last_used, patience, timer.as_mut()) {
                        Some(Ending::Idle) if lingers => {
                            lingers = false;
                            Said::Whole
                        }
                        ending => Said::whole_or(ending),
                    }
                }
                () = &mut stopping, if free && self.unanswered.is_empty() && inbox.is_empty() => {
                    Said::Last(Ending::Stopped)
                }
            };
            let ending = match said {
                Said::Whole => None,
                Said::Part(rest) => Box::pin(self.say_in_time(rest)).await,
                Said::Last(ending) => Some(ending),
            };
            if let Some(ending) = ending {
                return Box::pin(self.end(ending, inbox)).await;
            }
        }
    }

    /// Whether the user function can be given a command, behind those that it has perhaps.
    ///
    /// It is not given one that it does not take at once: it may be waiting for its replies to be read.
    fn takes_another(&mut self) -> bool {
        if self.unanswered.len() >= PIPELINE {
            return false;
        }
        self.running.is_none() || (self.ahead.len() + 1 < self.most_at_a_time() && self.is_ready())
    }

    /// A snapshot is on trial with one command, which is given again without it.
    fn most_at_a_time(&self) -> usize {
        if self.snapshot_on_trial {
            1
        } else {
            self.connection.commands_ahead()
        }
    }

    fn is_ready(&mut self) -> bool {
        let mut now = Context::from_waker(Waker::noop());
        matches!(
            self.connection.poll_ready_unpin(&mut now),
            Poll::Ready(Ok(()))
        )
    }

    /// Sends commands to the user function: this one, and as many that wait as it takes meanwhile.
    fn begin(
        &mut self,
        mut envelope: Envelope,
        inbox: &mut Inbox<Parked<K>>,
        mut timer: Pin<&mut Sleep>,
    ) -> Said<K::In> {
        // Who is to be woken does not matter: what is not ready now is waited for behind.
        let mut now = Context::from_waker(Waker::noop());
        loop {
            let message = self.command(envelope, timer.as_mut());
            match self.connection.poll_ready_unpin(&mut now) {
                Poll::Ready(Ok(())) => {}
                // The stream says why it ended when it is read.
                Poll::Ready(Err(_)) => return Said::Whole,
                Poll::Pending => return Said::Part(Some(message)),
            }
            if self.connection.start_send_unpin(message).is_err() {
                return Said::Whole;
            }
            if !self.takes_another() {
                break;
            }
            match inbox.next_waiting() {
                Some(next) => envelope = next,
                None => break,
            }
        }
        match self.connection.poll_flush_unpin(&mut now) {
            Poll::Ready(_) => Said::Whole,
            Poll::Pending => Said::Part(None),
        }
    }

    /// The next command, which is in progress from here on.
    fn command(&mut self, mut envelope: Envelope, mut timer: Pin<&mut Sleep>) -> K::In {
        self.last_command += 1;
        // Only a command that may have to be said again keeps its metadata.
        let may_be_repeated = self.snapshot_on_trial || self.running.is_some();
        let call = &mut envelope.call;
        let command = Command {
            entity_id: self.entity.key().entity_id.to_string(),
            id: self.last_command,
            name: call.method.name.to_string(),
            payload: Some(call.message()),
            streamed: false,
            metadata: if may_be_repeated {
                call.metadata.clone()
            } else {
                call.metadata.take()
            },
        };
        let since = Instant::now();
        let deadline = since + self.host.limits.command_timeout;
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        let command_in_progress = Running { envelope, since };
        if self.running.is_none() {
            self.running = Some(command_in_progress);
        } else {
            self.ahead.push_back(command_in_progress);
        }
        K::command(command)
    }

    /// Sends the message, or else what is left of the last one.
    async fn say_in_time(&mut self, message: Option<K::In>) -> Option<Ending> {
        let sent = timeout(self.host.limits.command_timeout, async {
            match message {
                Some(message) => self.connection.send(message).await,
                None => self.connection.flush().await,
            }
        });
        let in_time = sent.await.is_ok();
        (!in_time).then(|| self.timed_out())
    }

    /// Hears the user function once more, which will wake nobody then: a task that it could wake would stay in memory.
    fn listen_no_more(&mut self) -> Poll<Option<Result<K::Out, UserFunctionError>>> {
        let mut nobody = Context::from_waker(Waker::noop());
        self.connection.poll_next_unpin(&mut nobody)
    }

    /// Handles a message from the user function, or the end of its stream.
    fn hear(
        &mut self,
        message: Option<Result<K::Out, UserFunctionError>>,
        inbox: &mut Inbox<Parked<K>>,
    ) -> Option<Ending> {
        match message {
            Some(Ok(message)) => match K::heard(message) {
                Heard::Reply(reply) => self.reply(reply),
                Heard::Failure(failure) => Some(self.failure(&failure, inbox)),
                Heard::Nothing => Some(Ending::Defect(
                    "the user function sent an empty message".into(),
                )),
            },
            Some(Err(error)) => {
                let _logged = self.traced();
                tracing::error!(entity = %self.entity.key(), %error, "the stream to the user function broke");
                let answer = if error.is_unreachable() {
                    error.into()
                } else {
                    CallError::new(Code::Unknown, K::TERMINATION)
                };
                Some(Ending::GivenUp(answer))
            }
            None => {
                let _logged = self.traced();
                tracing::error!(entity = %self.entity.key(), "the user function ended the stream");
                let answer = CallError::new(Code::Unknown, K::TERMINATION);
                Some(Ending::GivenUp(answer))
            }
        }
    }

    fn reply(&mut self, reply: Reply<K::Changes>) -> Option<Ending> {
        let running = match self.running.take() {
            Some(running) if reply.command_id == self.next_reply() => running,
            other => {
                self.running = other;
                let text = format!(
                    "a reply to command {}, which is not the one it was given, or not in order",
                    reply.command_id
                );
                return Some(Ending::Defect(text));
            }
        };
        self.snapshot_on_trial = false;
        self.host.live.meters.processed(running.since);
        let trace = &running.envelope.call.trace;
        trace.record("user function", running.since);
        if let Some(Action::Failure(failure)) = reply.action {
            let restart = failure.restart && K::RESTARTS;
            self.unanswered.push(
                None,
                running.envelope.respond,
                Err(CallError::refused(failure.description)),
            );
            if restart {
                // Those behind it are of no use to a user function that is not what they were given to any more.
                return Some(Ending::Restart);
            }
            self.move_up();
            return None;
        }
        let change = match self.kind.write(self.entity, reply.changes) {
            Ok(change) => change,
            Err(problem) => {
                self.running = Some(running);
                return Some(Ending::Defect(problem.into()));
            }
        };
        let publication = self.publication(&running.envelope.call, reply.action.as_ref());
        let commit = store(&*self.host.store, change, publication)
            .map(|commit| commit.traced(&running.envelope.call.trace));
        let outcome = Outcome {
            action: reply.action,
            effects: reply.effects,
            more: None,
        };
        self.unanswered
            .push(commit, running.envelope.respond, Ok(outcome));
        self.move_up();
        None
    }

    /// The id of the running command.
    fn next_reply(&self) -> i64 {
        self.last_command - i64::try_from(self.ahead.len()).unwrap_or(i64::MAX)
    }

    /// The running command is done. The time of the one behind it begins: until now it has waited.
    fn move_up(&mut self) {
        self.running = self.ahead.pop_front().map(|next| Running {
            since: Instant::now(),
            ..next
        });
        if self.running.is_none() {
            // An idle entity keeps no room.
            self.ahead.shrink_to(0);
        }
    }

    /// What a reply publishes, where its method's replies are.
    fn publication(&self, call: &Call, action: Option<&Action>) -> Option<Write> {
        let (topic, Action::Reply(reply)) = (call.topic.as_ref()?, action?) else {
            return None;
        };
        let origin = Origin {
            service: &call.method.service_name,
            entity_id: Some(&self.entity.key().entity_id),
        };
        Some(topic.publication(&Message::of_reply(reply, origin)?))
    }

    /// A failure outside a reply: the stream is of no use any more.
    fn failure(&mut self, failure: &Failure, inbox: &mut Inbox<Parked<K>>) -> Ending {
        if self.snapshot_on_trial && failure.command_id == 0 {
            if let Some(running) = self.running.take() {
                inbox.put_back(running.envelope);
            }
            return Ending::SnapshotRefused;
        }
        let _logged = self.traced();
        tracing::error!(
            entity = %self.entity.key(), command = failure.command_id, description = %failure.description,
            "the user function failed"
        );
        Ending::GivenUp(CallError::new(Code::Unknown, K::FAILURE))
    }

    /// Has what is logged say which trace the running command belongs to.
    pub(super) fn traced(&self) -> Option<EnteredSpan> {
        self.running.as_ref()?.envelope.call.trace.entered()
    }

    fn timed_out(&self) -> Ending {
        let limit = self.host.limits.command_timeout;
        let _logged = self.traced();
        tracing::error!(entity = %self.entity.key(), ?limit, "the user function took too long over a command");
        let text =
            format!("the entity did not answer within {limit:?} (CLOUDSTATE_COMMAND_TIMEOUT)");
        Ending::GivenUp(CallError::new(Code::DeadlineExceeded, text))
    }

    /// Sees whether the entity has been idle, or a command running, for too long; otherwise sets the timer anew.
    fn tick(
        &mut self,
        last_used: Instant,
        patience: Duration,
        timer: Pin<&mut Sleep>,
    ) -> Option<Ending> {
        let now = Instant::now();
        let due = match &self.running {
            Some(running) => running.since + self.host.limits.command_timeout,
            None => last_used + patience,
        };
        if due > now {
            // A command that is answered soon leaves an entity that is idle from then on.
            timer.reset(due.min(now + patience));
            return None;
        }
        Some(match self.running {
            Some(_) => self.timed_out(),
            None => Ending::Idle,
        })
    }
}

/// Hands what belongs together to the store.
fn store(store: &dyn Store, change: Option<Write>, publication: Option<Write>) -> Option<Commit> {
    match (change, publication) {
        (None, None) => None,
        (Some(Write::Append(append)), None) => Some(store.append(append)),
        (Some(Write::Put(put)), None) => Some(store.put(put)),
        (change, publication) => Some(store.write(change.into_iter().chain(publication).collect())),
    }
}
