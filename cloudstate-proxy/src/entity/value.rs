//! Value entities: the proxy keeps one value of each, and hands it to the user function when the entity is loaded.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::{
    Command,
    valueentity::{
        ValueEntityAction, ValueEntityInit, ValueEntityInitState, ValueEntityStreamIn,
        ValueEntityStreamOut, value_entity_action::Action, value_entity_stream_in::Message as In,
        value_entity_stream_out::Message as Out,
    },
};

use super::durable::{DurableHost, Heard, Kind, LoadError, Loaded, Loading, Reply, Snapshot};
use crate::store::{Change, EntityRef, Put, Write};

/// What the proxy knows of a loaded value entity.
#[derive(Debug)]
pub(crate) struct Value {
    /// Of the last change handed to the store, durable or not.
    revision: u64,
    /// Whether there is a value after that change.
    is_stored: bool,
}

impl Kind for Value {
    type In = ValueEntityStreamIn;
    type Out = ValueEntityStreamOut;
    type Changes = Option<ValueEntityAction>;

    const FAILURE: &'static str = "Unexpected Value entity failure";
    const TERMINATION: &'static str = "Unexpected Value entity termination";
    /// A value entity's refusal changes nothing, so that there is nothing to undo.
    const RESTARTS: bool = false;

    async fn load(
        host: &DurableHost<Self>,
        entity: &Arc<EntityRef>,
        _: Snapshot,
    ) -> Result<Loaded<Self>, LoadError> {
        let stored = host.store.value(entity).await?;
        let connection = host.user_function.value_entity().await?;
        let mut loading = Loading::<Self>::new(entity, connection, false, host.patience());
        let kind = Self {
            revision: stored.revision,
            is_stored: stored.payload.is_some(),
        };
        let init = ValueEntityInit {
            service_name: host.live.service.name.clone(),
            entity_id: entity.key().entity_id.to_string(),
            // Present even when there is no value.
            state: Some(ValueEntityInitState {
                value: stored.payload,
            }),
        };
        loading.tell(message(In::Init(init))).await?;
        loading.done(kind).await
    }

    fn command(command: Command) -> ValueEntityStreamIn {
        message(In::Command(command))
    }

    fn heard(message: ValueEntityStreamOut) -> Heard<Option<ValueEntityAction>> {
        match message.message {
            Some(Out::Reply(reply)) => Heard::Reply(Reply {
                command_id: reply.command_id,
                action: reply.client_action.and_then(|action| action.action),
                effects: reply.side_effects,
                changes: reply.state_action,
            }),
            Some(Out::Failure(failure)) => Heard::Failure(failure),
            None => Heard::Nothing,
        }
    }

    fn write(
        &mut self,
        entity: &Arc<EntityRef>,
        changes: Option<ValueEntityAction>,
    ) -> Result<Option<Write>, &'static str> {
        let Some(ValueEntityAction { action }) = changes else {
            return Ok(None);
        };
        let change = match action.ok_or("a state action that is neither an update nor a delete")? {
            Action::Update(update) => {
                Change::Whole(update.value.ok_or("an update without a value")?)
            }
            Action::Delete(_) if !self.is_stored => return Ok(None),
            Action::Delete(_) => Change::Delete,
        };
        self.is_stored = change != Change::Delete;
        let after = self.revision;
        self.revision += 1;
        Ok(Some(Write::Put(Put {
            entity: Arc::clone(entity),
            after,
            change,
        })))
    }
}

fn message(message: In) -> ValueEntityStreamIn {
    ValueEntityStreamIn {
        message: Some(message),
    }
}
