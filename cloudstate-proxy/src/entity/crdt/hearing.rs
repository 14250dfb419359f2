//! What the user function says, and what follows from it.

use cloudstate_protocol::cloudstate::{
    Failure,
    client_action::Action,
    crdt::{
        CrdtReply, CrdtStateAction, CrdtStreamCancelledResponse, CrdtStreamOut,
        CrdtStreamedMessage, crdt_state_action::Action as StateAction,
        crdt_stream_out::Message as Out,
    },
};
use tonic::Code;

use super::{
    ENTITY_FAILURE, ENTITY_TERMINATING,
    activation::{Activation, Running},
    ending::{Changes, Ending},
    listeners::Gone,
    outbox::Parcel,
    replica::Refused,
};
use crate::{
    call::{CallError, Outcome},
    metrics::Limit,
    store::EntityKey,
    user_function::UserFunctionError,
};

/// Why the stream is of no use any more.
enum Fault {
    /// The user function broke the protocol.
    Defect(String),
    /// It broke it with a change, and what is left of the value is not to be stored.
    Broken(String),
    /// The value would not fit into a message any more.
    TooLarge(String),
}

impl Fault {
    /// What the caller reads with whose command it came.
    fn answer(&self) -> CallError {
        match self {
            Self::Defect(_) | Self::Broken(_) => CallError::new(Code::Unknown, ENTITY_FAILURE),
            Self::TooLarge(text) => CallError::exhausted(text.clone()),
        }
    }

    /// Tells the operator what the user function is not told.
    fn log(&self, entity: &EntityKey) {
        if let Self::TooLarge(text) = self {
            tracing::error!(%entity, "{text}");
        }
    }
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        let (changes, report) = match fault {
            Fault::Defect(text) => (Changes::Keep, Some(text)),
            Fault::Broken(text) => (Changes::Drop, Some(text)),
            Fault::TooLarge(_) => (Changes::Keep, None),
        };
        Self::GiveUp {
            error: terminating(),
            changes,
            report,
        }
    }
}

fn terminating() -> CallError {
    CallError::new(Code::Unknown, ENTITY_TERMINATING)
}

impl Activation<'_> {
    /// Handles a message from the user function, or the end of its stream.
    pub(super) fn hear(
        &mut self,
        message: Option<Result<CrdtStreamOut, UserFunctionError>>,
    ) -> Option<Ending> {
        let heard = match message {
            Some(Ok(CrdtStreamOut { message })) => match message {
                Some(Out::Reply(reply)) => self.reply(reply),
                Some(Out::StreamedMessage(message)) => {
                    self.streamed(message);
                    Ok(())
                }
                Some(Out::StreamCancelledResponse(response)) => self.cancelled(response),
                Some(Out::Failure(failure)) => {
                    self.failure(&failure);
                    Ok(())
                }
                None => Err(Fault::Defect(
                    "the user function sent an empty message".into(),
                )),
            },
            Some(Err(error)) => return Some(self.broken_off(error)),
            None => return Some(self.completed()),
        };
        Some(heard.err()?.into())
    }

    fn reply(&mut self, reply: CrdtReply) -> Result<(), Fault> {
        let command = reply.command_id;
        let Some(running) = self.running.remove(&command) else {
            return Err(Fault::Defect(format!(
                "a reply to command {command}, which waits for none"
            )));
        };
        self.host.live.meters.processed(running.since);
        running.trace.record("user function", running.since);
        let changed = if reply.streamed && !running.streamed {
            Err(Fault::Defect(format!(
                "the reply to command {command} says that more follow, and its method has one response"
            )))
        } else {
            self.change(reply.state_action)
        };
        let Running { respond, trace, .. } = running;
        if let Err(fault) = changed {
            let _logged = trace.entered();
            fault.log(self.key);
            respond.send(Err(fault.answer()));
            return Err(fault);
        }
        let result = match reply.client_action.and_then(|action| action.action) {
            Some(Action::Failure(failure)) => {
                if reply.streamed {
                    // The failure ends the client's stream, of which the user function is to know.
                    let lost = respond.lost();
                    self.cancel(Gone { command, lost });
                }
                Err(CallError::refused(failure.description))
            }
            action => Ok(Outcome {
                action,
                effects: reply.side_effects,
                more: reply
                    .streamed
                    .then(|| self.listeners.add(command, respond.lost())),
            }),
        };
        self.outbox.push_reply(respond, result, trace);
        Ok(())
    }

    fn streamed(&mut self, message: CrdtStreamedMessage) {
        let command = message.command_id;
        if !self.listeners.listens(command) {
            // What was said before the user function heard of a cancellation has no fault in it.
            if !self.cancelled.contains_key(&command) {
                self.complain(format!(
                    "a message for command {command}, which has no stream"
                ));
            }
            return;
        }
        let action = message.client_action.and_then(|action| action.action);
        let last = message.end_stream || matches!(action, Some(Action::Failure(_)));
        if last {
            self.listeners.end(command);
        }
        let outcome = Outcome {
            action,
            effects: message.side_effects,
            more: None,
        };
        self.outbox.push(Parcel::Message {
            command,
            outcome,
            last,
        });
    }

    fn cancelled(&mut self, response: CrdtStreamCancelledResponse) -> Result<(), Fault> {
        let command = response.command_id;
        let Some(cancelled) = self.cancelled.remove(&command) else {
            self.complain(format!(
                "an answer to a cancellation of command {command}, which was not cancelled"
            ));
            return Ok(());
        };
        self.change(response.state_action)
            .inspect_err(|fault| fault.log(self.key))?;
        if !response.side_effects.is_empty() {
            self.outbox.push(Parcel::Effects {
                lost: cancelled.lost,
                effects: response.side_effects,
            });
        }
        Ok(())
    }

    /// Every write consistency is met by the write itself: this replica is the only one.
    fn change(&mut self, change: Option<CrdtStateAction>) -> Result<(), Fault> {
        if self.is_deleted() {
            return Ok(());
        }
        match change.and_then(|change| change.action) {
            Some(StateAction::Update(delta)) => {
                self.replica.update(delta).map_err(|refused| match refused {
                    Refused::Defect(error) => Fault::Broken(error.to_string()),
                    Refused::TooLarge { limit } => {
                        self.host.live.meters.rejected(Limit::MessageSize);
                        Fault::TooLarge(format!(
                            "the entity would be larger than the {limit} bytes that CLOUDSTATE_MAX_MESSAGE_SIZE allows"
                        ))
                    }
                })?;
                self.outbox.changed();
            }
            Some(StateAction::Delete(_)) => self.delete(),
            None => {}
        }
        Ok(())
    }

    /// A failure of one command; whether the user function goes on is seen from its stream.
    fn failure(&mut self, failure: &Failure) {
        let command = failure.command_id;
        let running = self.running.remove(&command);
        let _logged = running.as_ref().and_then(|running| running.trace.entered());
        tracing::error!(
            entity = %self.key, command, description = %failure.description,
            "the user function failed"
        );
        if let Some(running) = running {
            let error = CallError::new(Code::Unknown, ENTITY_FAILURE);
            running.respond.send(Err(error));
        }
    }

    fn broken_off(&mut self, error: UserFunctionError) -> Ending {
        tracing::error!(entity = %self.key, %error, "the stream to the user function broke");
        if self.is_deleted() {
            return Ending::Buried;
        }
        let error = if error.is_unreachable() {
            error.into()
        } else {
            terminating()
        };
        Ending::GiveUp {
            error,
            changes: Changes::Keep,
            report: None,
        }
    }

    fn completed(&mut self) -> Ending {
        if self.is_deleted() {
            return Ending::Buried;
        }
        Ending::GiveUp {
            error: terminating(),
            changes: Changes::Keep,
            report: Some("the user function ended the stream".into()),
        }
    }

    /// Notes what the user function is to be told that it did wrong, although the entity can go on.
    fn complain(&mut self, what: String) {
        self.complaint = Some(what);
    }
}
