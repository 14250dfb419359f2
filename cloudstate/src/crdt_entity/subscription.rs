//! Open streams: what runs when the state changes, and when the caller goes away.

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        self as wire, ClientAction, client_action::Action as WireAction, crdt::CrdtStreamedMessage,
    },
};

use crate::{Context, Entity, Failure, Metadata, guard, machine::failure};

/// What a handler's stream runs.
pub(crate) struct Callbacks<E: Entity> {
    pub(crate) on_change: Option<OnChange<E>>,
    pub(crate) on_cancel: Option<OnCancel<E>>,
}

type OnChange<E> = Box<dyn FnMut(&E) -> Pushed + Send>;
type OnCancel<E> = Box<dyn FnOnce(&mut Context<E>) + Send>;

/// What an open stream sends, its message encoded.
pub(crate) struct Pushed {
    pub(crate) answer: Answer,
    pub(crate) effects: Vec<wire::SideEffect>,
    pub(crate) ends: bool,
}

pub(crate) enum Answer {
    Message { payload: Bytes, metadata: Metadata },
    Forward(wire::Forward),
    Failure(Failure),
    Nothing,
}

/// An open stream.
pub(super) struct Subscription<E: Entity> {
    callbacks: Callbacks<E>,
    pub(super) command_name: &'static str,
    pub(super) metadata: Metadata,
    /// Type URL of its messages.
    response: &'static str,
}

/// What became of a stream when the state changed.
pub(super) enum Fate {
    Open,
    Closed,
}

impl<E: Entity> Subscription<E> {
    /// None if there is nothing to run, and so nothing to keep open.
    pub(super) fn new(
        callbacks: Callbacks<E>,
        response: &'static str,
        command_name: &'static str,
        metadata: Metadata,
    ) -> Option<Self> {
        let is_empty = callbacks.on_change.is_none() && callbacks.on_cancel.is_none();
        (!is_empty).then_some(Self {
            callbacks,
            command_name,
            metadata,
            response,
        })
    }

    /// Tells the stream's handler of the new state: what to send, and whether the stream stays open.
    pub(super) fn notify(
        &mut self,
        command_id: i64,
        state: &E,
    ) -> (Option<CrdtStreamedMessage>, Fate) {
        let Some(on_change) = &mut self.callbacks.on_change else {
            return (None, Fate::Open);
        };
        let pushed = guard::catch(|| on_change(state)).unwrap_or_else(|panic| {
            tracing::error!(command_id, "a stream broke down: {panic}");
            Pushed {
                answer: Answer::Failure(Failure::new(format!("Unexpected failure: {panic}"))),
                effects: Vec::new(),
                ends: false,
            }
        });
        let is_silent = matches!(pushed.answer, Answer::Nothing);
        if is_silent && pushed.effects.is_empty() && !pushed.ends {
            return (None, Fate::Open);
        }
        let (action, failed) = match pushed.answer {
            Answer::Message { payload, metadata } => {
                let payload = Any {
                    type_url: ByteString::from_static(self.response),
                    value: payload,
                };
                let reply = wire::Reply {
                    payload: Some(payload),
                    metadata: metadata.into_wire(),
                };
                (Some(WireAction::Reply(reply)), false)
            }
            Answer::Forward(forward) => (Some(WireAction::Forward(forward)), false),
            Answer::Failure(refused) => {
                let failure = failure(command_id, refused.into_description());
                (Some(WireAction::Failure(failure)), true)
            }
            Answer::Nothing => (None, false),
        };
        // What failed has no effects, here as in a command.
        let (side_effects, end_stream) = if failed {
            (Vec::new(), false)
        } else {
            (pushed.effects, pushed.ends)
        };
        let message = CrdtStreamedMessage {
            command_id,
            client_action: action.map(|action| ClientAction {
                action: Some(action),
            }),
            side_effects,
            end_stream,
        };
        let fate = if failed || pushed.ends {
            Fate::Closed
        } else {
            Fate::Open
        };
        (Some(message), fate)
    }

    /// What to run because the caller has gone.
    pub(super) fn into_cancel(self) -> Option<OnCancel<E>> {
        self.callbacks.on_cancel
    }
}
