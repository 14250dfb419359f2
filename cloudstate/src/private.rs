//! What the macros' code calls beside the public API.

use std::{any, marker::PhantomData};

use bytestring::ByteString;

use crate::{
    Any, Context, DecodeError, Entity, EntityId, EventContext, EventSourcedEntity, Handles,
    Payload, ReplayError, Rpc, Service, Snapshots, ValueEntity,
    codec::is_stored_as,
    handler::{Call, Command, Handled, IntoReply, answer, call},
    kind::{HandledBy, PermittedBy},
    service::{ClientStreaming, ServerStreaming, Streaming, Unary},
    streamed::IntoStreamed,
};

/// Implemented for a service by the entity on it, so that a second entity does not compile.
pub trait ServedByOneEntity: Service {}

/// An entity's rpc, known before the types of its handler are looked at, so that what the compiler says of them names it.
#[derive(Debug)]
pub struct Dispatch<E, R, S>(PhantomData<(E, R, S)>);

/// Begins a call of the handler of an rpc.
pub fn dispatch<E: Entity, R: Rpc>(_rpc: R) -> Dispatch<E, R, R::Shape>
where
    R::Shape: HandledBy<E::Kind>,
{
    Dispatch(PhantomData)
}

impl<E: Entity, R: Rpc> Dispatch<E, R, Unary> {
    /// Decodes the request, runs the handler and encodes its answer.
    pub fn answer<T: IntoReply<R>>(
        self,
        context: &mut Context<E>,
        command: Command,
        handler: impl FnOnce(&mut Context<E>, &mut Call<R, EntityId>) -> T,
    ) -> Handled
    where
        T::Silence: PermittedBy<E::Kind>,
    {
        call(command, context, |context, call| {
            let reply = handler(context, call).into_reply();
            answer::<E, R, _>(context, reply)
        })
    }
}

impl<E: Entity, R: Rpc> Dispatch<E, R, ServerStreaming> {
    /// Decodes the request, runs the handler, encodes its first answer and keeps what it says of the others.
    pub fn answer<T: IntoStreamed<E, R, E::Kind>>(
        self,
        context: &mut Context<E>,
        command: Command,
        handler: impl FnOnce(&mut Context<E>, &mut Call<R, EntityId>) -> T,
    ) -> Handled {
        call(command, context, |context, call| {
            handler(context, call).open(context)
        })
    }
}

/// No kind of entity serves these, which is what the compiler says of them; nothing more is asked of their handlers.
macro_rules! unserved {
    ($($shape:ident)*) => {$(
        impl<E: Entity, R: Rpc> Dispatch<E, R, $shape> {
            /// Handles nothing.
            pub fn answer<T>(
                self,
                _context: &mut Context<E>,
                _command: Command,
                _handler: impl FnOnce(&mut Context<E>, &mut Call<R, EntityId>) -> T,
            ) -> Handled {
                Handled::Unknown
            }
        }
    )*};
}

unserved!(ClientStreaming Streaming);

/// Compiles for entities with snapshots.
pub fn takes_snapshots<E: EventSourcedEntity + Snapshots>() {}

/// Applies a stored event if it is a `V`; `None` if it is of another type.
pub fn replay<E: Handles<V>, V: 'static>(
    state: &mut E,
    event: &Any,
    context: &EventContext<'_>,
) -> Option<Result<(), ReplayError>> {
    let read = E::codec().read(event)?;
    Some(apply(state, event, context, read))
}

/// An entity that reads stored events of type `V`, by a handler or by an upcaster: of two, one would never run.
///
/// The macro implements it for upcasters. Beside a handler, which may stand in another block, that does not compile.
pub trait ReadsEvent<V> {}

impl<E: Handles<V>, V: 'static> ReadsEvent<V> for E {}

/// Applies a stored event of an older type, if it is one of type `Old`; `None` if it is of another type.
pub fn replay_older<E: Handles<New>, Old: Payload, New: 'static>(
    state: &mut E,
    event: &Any,
    context: &EventContext<'_>,
    type_url: &ByteString,
    upcast: impl FnOnce(Old) -> New,
) -> Option<Result<(), ReplayError>> {
    let read = read_older(event, type_url, upcast)?;
    Some(apply(state, event, context, read))
}

fn apply<E: Handles<V>, V: 'static>(
    state: &mut E,
    stored: &Any,
    context: &EventContext<'_>,
    read: Result<V, DecodeError>,
) -> Result<(), ReplayError> {
    let event = read.map_err(|error| undecodable(stored, "event", error))?;
    state.apply(event, context);
    Ok(())
}

/// Reads a value entity that is stored as a whole from an older type; `None` if what is stored is of another type.
pub fn read_whole<E: StoredWhole, Old: Payload>(
    stored: &Any,
    type_url: &ByteString,
    upcast: impl FnOnce(Old) -> E,
) -> Option<Result<E, DecodeError>> {
    read_older(stored, type_url, upcast)
}

/// A value entity that is stored as it is.
#[diagnostic::on_unimplemented(
    message = "an upcaster returns what is handled today, and `{Self}` is not stored as a whole",
    label = "not a value entity with the option `json`",
    note = "return the type of an event, of a snapshot, or of what another upcaster takes"
)]
pub trait StoredWhole: ValueEntity + Payload {}

#[diagnostic::do_not_recommend]
impl<E: ValueEntity + Payload> StoredWhole for E {}

/// Reads a stored value of an older type; `None` if it is of another type.
pub fn read_older<Old: Payload, New>(
    stored: &Any,
    type_url: &ByteString,
    upcast: impl FnOnce(Old) -> New,
) -> Option<Result<New, DecodeError>> {
    is_stored_as(stored, type_url).then(|| Old::decode(stored.value.clone()).map(upcast))
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
    restore(state, snapshot, "snapshot")
}

pub(crate) fn restore<E: Snapshots>(
    state: &mut E,
    stored: &Any,
    kind: &'static str,
) -> Option<Result<(), ReplayError>> {
    let read = E::read(stored)?.map_err(|error| undecodable(stored, kind, error));
    Some(read.map(|snapshot| state.restore(snapshot)))
}

/// Says that `E` has no handler for what is stored.
pub fn no_handler<E: Entity>(any: &Any, kind: &'static str) -> ReplayError {
    ReplayError::NoHandler {
        entity: any::type_name::<E>(),
        kind,
        type_url: any.type_url.clone(),
    }
}

pub(crate) fn undecodable(any: &Any, kind: &'static str, source: DecodeError) -> ReplayError {
    ReplayError::Decode {
        kind,
        type_url: any.type_url.clone(),
        source,
    }
}
