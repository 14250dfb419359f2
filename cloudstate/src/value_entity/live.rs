//! A live value entity, its type erased: what the machine asks of the macros' implementations.

use std::{any, sync::Arc};

use bytes::Bytes;
use cloudstate_protocol::{
    Any,
    cloudstate::{self as wire, ClientAction, SideEffect},
};
use prost::DecodeError;

use super::change::{Change, Last};
use crate::{
    Context, EntityId, Failure, Handlers, Metadata, ReplayError, ValueEntity,
    handler::{Command, Handled},
};

/// An entity in memory, of any type.
pub(crate) trait LiveEntity: Send {
    /// Replaces the state by what is stored.
    fn load(&mut self, value: Any) -> Result<(), ReplayError>;

    /// The state, whose type the test kit knows.
    fn state(&self) -> &dyn any::Any;

    /// Runs a command.
    fn handle(
        &mut self,
        command_id: i64,
        name: &str,
        payload: Bytes,
        metadata: Option<wire::Metadata>,
    ) -> Result<Done, Rejection>;
}

/// Why a command has no answer of its handler.
pub(crate) enum Rejection {
    /// No handler has this name.
    Unknown,
    /// The payload is not the request message.
    Undecodable(DecodeError),
    /// The handler refused, and the state is as it was.
    Refused(Failure),
    /// The handler refused, and the state before it cannot be read back.
    Lost {
        failure: Failure,
        error: ReplayError,
    },
}

/// A successful command's answer and what it changed.
pub(crate) struct Done {
    pub(crate) client_action: Option<ClientAction>,
    pub(crate) effects: Vec<SideEffect>,
    /// None if the state is as before.
    pub(crate) stored: Option<Stored>,
}

/// What is stored of an entity.
pub(crate) enum Stored {
    Value(Any),
    Nothing,
}

/// Makes a live entity of which nothing is stored.
pub(crate) fn live<E: Handlers + ValueEntity>(
    id: EntityId,
    create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>,
) -> Box<dyn LiveEntity> {
    let change = Change::new(create);
    let state = change.initial(&id);
    Box::new(Live {
        context: Context::new(id, state, change),
        stored: None,
    })
}

struct Live<E: ValueEntity> {
    context: Context<E>,
    /// The last value, shared with the message that it came or went with: a failed command goes back to it, so that no
    /// command needs a copy of the state.
    stored: Option<Any>,
}

impl<E: ValueEntity> Live<E> {
    /// Makes the state what the stored value says.
    fn reset(&mut self) -> Result<(), ReplayError> {
        let (state, id, change) = self.context.parts();
        let mut fresh = change.initial(id);
        if let Some(value) = &self.stored {
            fresh.load(value)?;
        }
        *state = fresh;
        Ok(())
    }

    /// Remembers what a command leaves to be stored.
    fn keep(&mut self, last: Last) -> Option<Stored> {
        match last {
            Last::Nothing => None,
            Last::Update => {
                let value = self.context.store();
                self.stored = Some(value.clone());
                Some(Stored::Value(value))
            }
            Last::Delete => {
                self.stored = None;
                Some(Stored::Nothing)
            }
        }
    }
}

impl<E: Handlers + ValueEntity> LiveEntity for Live<E> {
    fn load(&mut self, value: Any) -> Result<(), ReplayError> {
        self.context.state_mut().load(&value)?;
        self.stored = Some(value);
        Ok(())
    }

    fn state(&self) -> &dyn any::Any {
        &*self.context
    }

    fn handle(
        &mut self,
        command_id: i64,
        name: &str,
        payload: Bytes,
        metadata: Option<wire::Metadata>,
    ) -> Result<Done, Rejection> {
        let Some(name) = E::handled(name) else {
            return Err(Rejection::Unknown);
        };
        self.context
            .begin(command_id, name, Metadata::from_wire(metadata));
        let handled = E::handle(&mut self.context, Command { name, payload });
        let effects = self.context.end();
        let last = self.context.work_mut().take();
        match handled {
            Handled::Unknown => Err(Rejection::Unknown),
            Handled::Undecodable(error) => Err(Rejection::Undecodable(error)),
            Handled::Failed(failure) if last == Last::Nothing => Err(Rejection::Refused(failure)),
            Handled::Failed(failure) => Err(match self.reset() {
                Ok(()) => Rejection::Refused(failure),
                Err(error) => Rejection::Lost { failure, error },
            }),
            Handled::Done(client_action) => Ok(Done {
                client_action,
                effects,
                stored: self.keep(last),
            }),
        }
    }
}
