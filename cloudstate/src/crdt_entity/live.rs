//! A live CRDT entity, its type erased: what the machine asks of the macros' implementations.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::{
    self as wire,
    crdt::{
        CrdtDelete, CrdtDelta, CrdtReply, CrdtStateAction, CrdtStreamCancelledResponse,
        CrdtStreamOut, crdt_state_action::Action as StateAction, crdt_stream_out::Message as Out,
    },
};
use prost::DecodeError;

use super::{
    out,
    subscription::{Fate, Subscription},
    work::{Work, WriteConsistency},
};
use crate::{
    Context, CrdtEntity, EntityId, Failure, Handlers, Metadata,
    crdt::{
        CrdtError,
        replicated::{self, Replicated},
    },
    handler::{Command, Handled},
};

/// An entity in memory, of any type.
pub(crate) trait LiveEntity: Send {
    /// Makes the state what the proxy knows of it.
    fn load(&mut self, delta: CrdtDelta) -> Result<(), CrdtError>;

    /// Applies what other nodes changed, and tells the open streams.
    fn apply(
        &mut self,
        delta: CrdtDelta,
        replies: &mut VecDeque<CrdtStreamOut>,
    ) -> Result<(), CrdtError>;

    /// The state, whose type the test kit knows.
    fn state(&self) -> &dyn std::any::Any;

    /// Runs a command, and tells the streams that were open before.
    fn handle(
        &mut self,
        call: Call<'_>,
        replies: &mut VecDeque<CrdtStreamOut>,
    ) -> Result<(), Rejection>;

    /// Ends the stream of a command whose caller has gone, and tells the others what that changed.
    fn cancel(
        &mut self,
        command_id: i64,
        replies: &mut VecDeque<CrdtStreamOut>,
    ) -> Result<(), Replaced>;
}

/// A command, of which the entity's id and the type of the payload are known.
pub(crate) struct Call<'a> {
    pub(crate) command_id: i64,
    pub(crate) name: &'a str,
    pub(crate) payload: Bytes,
    pub(crate) metadata: Option<wire::Metadata>,
    /// Whether the caller listens to a stream.
    pub(crate) streamed: bool,
}

/// Why a command has no answer of its handler.
pub(crate) enum Rejection {
    /// No handler has this name.
    Unknown,
    /// The payload is not the request message.
    Undecodable(DecodeError),
    /// The handler refused, and the state is as it was.
    Refused(Failure),
    /// The handler put another value in the place of the replicated one.
    Replaced,
}

/// The code of a stream put another value in the place of the replicated one.
pub(crate) struct Replaced;

/// Makes a live entity of which the proxy knows nothing.
pub(crate) fn live<E: Handlers + CrdtEntity>(id: EntityId, mut state: E) -> Box<dyn LiveEntity> {
    let crdt = state.crdt_mut();
    let has_content = crdt.delta().is_some();
    crdt.settle();
    Box::new(Live {
        context: Context::new(id, state, Work::default()),
        streams: BTreeMap::new(),
        has_content,
    })
}

struct Live<E: CrdtEntity> {
    context: Context<E>,
    /// By the id of the command that opened the stream, and so in the order in which they were opened.
    streams: BTreeMap<i64, Subscription<E>>,
    /// Whether the entity was created with a content that the proxy does not know yet. It goes out with the first
    /// command that succeeds, and counts for nothing once the proxy knows of another.
    has_content: bool,
}

impl<E: CrdtEntity> Live<E> {
    fn crdt(&mut self) -> &mut E::Crdt {
        self.context.state_mut().crdt_mut()
    }

    /// What the handler that has just succeeded did to the state, for the proxy.
    fn state_action(
        &mut self,
        deleted: bool,
        consistency: WriteConsistency,
    ) -> Option<CrdtStateAction> {
        let has_content = self.has_content;
        let crdt = self.crdt();
        let action = if deleted {
            Some(StateAction::Delete(CrdtDelete {}))
        } else if has_content {
            Some(update(crdt.whole()))
        } else {
            crdt.delta().map(update)
        };
        crdt.settle();
        self.has_content = false;
        action.map(|action| CrdtStateAction {
            action: Some(action),
            write_consistency: consistency.into_wire().into(),
        })
    }

    fn notify(&mut self, replies: &mut VecDeque<CrdtStreamOut>) {
        let state = &*self.context;
        self.streams.retain(|command_id, stream| {
            let (message, fate) = stream.notify(*command_id, state);
            replies.extend(message.map(|message| out(Out::StreamedMessage(message))));
            matches!(fate, Fate::Open)
        });
    }
}

fn update(delta: replicated::Delta) -> StateAction {
    StateAction::Update(replicated::message(delta))
}

impl<E: Handlers + CrdtEntity> LiveEntity for Live<E> {
    fn load(&mut self, delta: CrdtDelta) -> Result<(), CrdtError> {
        let delta = replicated::content(Some(delta))?;
        self.has_content = false;
        self.crdt().reload(delta)
    }

    fn apply(
        &mut self,
        delta: CrdtDelta,
        replies: &mut VecDeque<CrdtStreamOut>,
    ) -> Result<(), CrdtError> {
        if self.has_content {
            self.load(delta)?;
        } else {
            let delta = replicated::content(Some(delta))?;
            self.crdt().apply(delta)?;
        }
        self.notify(replies);
        Ok(())
    }

    fn state(&self) -> &dyn std::any::Any {
        &*self.context
    }

    fn handle(
        &mut self,
        call: Call<'_>,
        replies: &mut VecDeque<CrdtStreamOut>,
    ) -> Result<(), Rejection> {
        let Call {
            command_id,
            name,
            payload,
            metadata,
            streamed,
        } = call;
        let Some(name) = E::handled(name) else {
            return Err(Rejection::Unknown);
        };
        let metadata = Metadata::from_wire(metadata);
        self.context.begin(command_id, name, metadata.clone());
        let handled = E::handle(&mut self.context, Command { name, payload });
        let side_effects = self.context.end();
        let work = self.context.work_mut().take();
        if !self.crdt().is_attached() {
            return Err(Rejection::Replaced);
        }
        let client_action = match handled {
            Handled::Done(client_action) => client_action,
            Handled::Failed(failure) => {
                self.crdt().roll_back();
                return Err(Rejection::Refused(failure));
            }
            Handled::Undecodable(error) => return Err(Rejection::Undecodable(error)),
            Handled::Unknown => return Err(Rejection::Unknown),
        };
        let state_action = self.state_action(work.deleted, work.consistency);
        let has_changed = state_action.is_some();
        let stream = work.opened.filter(|_| streamed);
        let stream = stream.and_then(|(callbacks, response)| {
            Subscription::new(callbacks, response, name, metadata)
        });
        replies.push_back(out(Out::Reply(CrdtReply {
            command_id,
            client_action,
            side_effects,
            state_action,
            streamed: stream.is_some(),
        })));
        if has_changed {
            self.notify(replies);
        }
        if let Some(stream) = stream {
            self.streams.insert(command_id, stream);
        }
        Ok(())
    }

    fn cancel(
        &mut self,
        command_id: i64,
        replies: &mut VecDeque<CrdtStreamOut>,
    ) -> Result<(), Replaced> {
        let mut response = CrdtStreamCancelledResponse {
            command_id,
            ..CrdtStreamCancelledResponse::default()
        };
        if let Some(stream) = self.streams.remove(&command_id) {
            self.context
                .begin(command_id, stream.command_name, stream.metadata.clone());
            if let Some(on_cancel) = stream.into_cancel() {
                on_cancel(&mut self.context);
                if !self.crdt().is_attached() {
                    return Err(Replaced);
                }
                let work = self.context.work_mut().take();
                response.side_effects = self.context.end();
                response.state_action = self.state_action(work.deleted, work.consistency);
            }
        }
        let has_changed = response.state_action.is_some();
        replies.push_back(out(Out::StreamCancelledResponse(response)));
        if has_changed {
            self.notify(replies);
        }
        Ok(())
    }
}
