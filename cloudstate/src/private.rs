//! What the macros' code calls beside the public API.

use std::{any, marker::PhantomData};

use crate::{
    Any, Context, EventContext, EventSourcedEntity, Handles, Payload, ReplayError, Rpc, Service,
    Snapshots,
    codec::is_stored_as,
    handler::{Call, Handled, Incoming, IntoReply, one_to_one},
    service::OneToOne,
};

/// Implemented for a service by the entity on it, so that a second entity does not compile.
pub trait ServedByOneEntity: Service {}

/// An rpc, known before the types of its handler are looked at, so that what the compiler says of them names it.
#[derive(Debug)]
pub struct Dispatch<R>(PhantomData<R>);

/// Begins a call of the handler of an rpc.
pub fn dispatch<R: Rpc>(_rpc: R) -> Dispatch<R>
where
    R::Shape: OneToOne,
{
    Dispatch(PhantomData)
}

impl<R: Rpc> Dispatch<R> {
    /// Decodes the request, runs the handler and encodes its answer.
    pub fn unary<E: EventSourcedEntity, T: IntoReply<R>>(
        self,
        context: &mut Context<E>,
        command: Incoming,
        handler: impl FnOnce(&mut Context<E>, &mut Call<'_, R>) -> T,
    ) -> Handled {
        one_to_one(context, command, handler)
    }
}

/// Compiles for entities with snapshots.
pub fn takes_snapshots<E: Snapshots>() {}

/// Applies a stored event if it is a `V`; `None` if it is of another type.
pub fn replay<E: Handles<V>, V: Payload>(
    state: &mut E,
    event: &Any,
    context: &EventContext<'_>,
) -> Option<Result<(), ReplayError>> {
    is_stored_as(event, E::type_url())
        .then(|| decode(event, "event").map(|event| state.apply(event, context)))
}

/// The state as a snapshot.
pub fn take_snapshot<E: Snapshots>(state: &E) -> Any {
    state.save().to_any()
}

/// Replaces the state by a snapshot's; `None` if it is of another type.
pub fn restore_snapshot<E: Snapshots>(
    state: &mut E,
    snapshot: &Any,
) -> Option<Result<(), ReplayError>> {
    is_stored_as(snapshot, &E::Snapshot::type_url())
        .then(|| decode(snapshot, "snapshot").map(|snapshot| state.restore(snapshot)))
}

/// Says that `E` has no handler for what is stored.
pub fn no_handler<E: EventSourcedEntity>(any: &Any, kind: &'static str) -> ReplayError {
    ReplayError::NoHandler {
        entity: any::type_name::<E>(),
        kind,
        type_url: any.type_url.clone(),
    }
}

fn decode<P: Payload>(any: &Any, kind: &'static str) -> Result<P, ReplayError> {
    P::decode(any.value.clone()).map_err(|source| ReplayError::Decode {
        kind,
        type_url: any.type_url.clone(),
        source,
    })
}
