//! What the macros' code calls beside the public API.

use std::{any, marker::PhantomData};

use crate::{
    Any, Context, EventSourcedEntity, Payload, ReplayError, Rpc, Service, Snapshots,
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

/// Whether `any` has the type of `type_url`; what stands before the `/` does not count.
pub fn has_type(any: &Any, type_url: &str) -> bool {
    let name = type_url.split_once('/').map_or(type_url, |(_, name)| name);
    any.type_name() == name
}

/// Whether `any` is a snapshot of `E`.
pub fn is_snapshot_of<E: Snapshots>(any: &Any) -> bool {
    has_type(any, &E::Snapshot::type_url())
}

/// A value as it is stored.
pub fn encode<P: Payload>(value: &P) -> Any {
    Any {
        type_url: P::type_url(),
        value: value.encode(),
    }
}

/// The stored value.
///
/// # Errors
/// The bytes are not such a value.
pub fn decode<P: Payload>(any: &Any, kind: &'static str) -> Result<P, ReplayError> {
    P::decode(any.value.clone()).map_err(|source| ReplayError::Decode {
        kind,
        type_url: any.type_url.clone(),
        source,
    })
}

/// Says that `E` has no handler for what is stored.
pub fn no_handler<E: EventSourcedEntity>(any: &Any, kind: &'static str) -> ReplayError {
    ReplayError::NoHandler {
        entity: any::type_name::<E>(),
        kind,
        type_url: any.type_url.clone(),
    }
}
