//! What the macros say of an entity type: where it is registered, and how messages reach its methods.
//!
//! An attribute such as `#[event_sourced_entity]` implements [`Entity`] and the trait of its kind, [`EventSourcedEntity`]
//! [`ValueEntity`] or [`CrdtEntity`]; `#[handlers]` implements [`Handlers`], a [`Handles`] per event and, with a pair of snapshot methods,
//! [`Snapshots`].

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use bytestring::ByteString;
use cloudstate_protocol::Any;

use crate::{
    Context, DecodeError, EventCodec, EventContext, Payload, Service,
    crdt::Crdt,
    handler::{Command, Handled},
    kind::{self, Kind, Stored},
    part::Part,
    stored_form::StoredForm,
};

/// The id of one entity: what its key fields say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(Arc<str>);

impl EntityId {
    /// An id with this text.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for EntityId {
    fn from(id: T) -> Self {
        Self::new(id)
    }
}

impl Deref for EntityId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An entity type of any stateful kind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "has no attribute that makes it an entity",
    note = "write `#[event_sourced_entity(service = ..)]`, `#[value_entity(service = ..)]` or \
            `#[crdt_entity(service = ..)]` above `struct {Self}`",
    note = "if it is an action, its handlers have `#[call_handler]`"
)]
pub trait Entity: Sized + Send + 'static {
    /// How its state is kept.
    type Kind: Kind;
    /// The service that it implements.
    type Service: Service;
    /// How it starts: [`FromDefault`], or the type itself where its attribute names a function.
    type Init;
    /// Separates what it stores from what other entity types store. Changing it loses sight of everything stored.
    const PERSISTENCE_ID: &'static str;
    /// How long an idle entity stays in memory; `None` leaves it to the proxy (30 s unless it is told otherwise).
    const PASSIVATE_AFTER: Option<Duration>;
}

/// An entity whose state is what its events say.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event-sourced entity",
    label = "only event-sourced entities have event handlers",
    note = "write `#[event_sourced_entity(service = ..)]` above `struct {Self}`, or change the state in its command \
            handlers, through the context"
)]
pub trait EventSourcedEntity: Entity<Kind = kind::EventSourced> {
    /// A snapshot is stored with the event whose sequence number is a multiple of this; 0 stores none.
    const SNAPSHOT_EVERY: u64;
}

/// An entity whose state is stored as a whole.
pub trait ValueEntity: Entity<Kind = kind::Value> {
    /// How the state is written and read.
    #[doc(hidden)]
    const STORED_FORM: StoredForm<Self>;

    /// The state in its stored form.
    fn store(&self) -> Any {
        (Self::STORED_FORM.store)(self)
    }

    /// Replaces the state by a stored one.
    ///
    /// # Errors
    /// The value is of another type, or its bytes are not such a value.
    fn load(&mut self, value: &Any) -> Result<(), ReplayError> {
        (Self::STORED_FORM.load)(self, value)
    }
}

/// An entity whose state is a replicated value.
pub trait CrdtEntity: Entity<Kind = kind::Crdt> {
    /// The type of the value.
    type Crdt: Crdt;

    /// The value.
    fn crdt(&self) -> &Self::Crdt;

    /// The value, to change it.
    fn crdt_mut(&mut self) -> &mut Self::Crdt;
}

/// An entity type that can start from nothing: by its `Default`, or by the function that `init = ..` names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be created from nothing",
    label = "does not implement `Default`",
    note = "write `#[derive(Default)]` above `struct {Self}`",
    note = "or write `init = {Self}::new` in its attribute, with a function from `&EntityId` to `{Self}`",
    note = "or write `register = false` there, and pass it to `Cloudstate::register_with`"
)]
pub trait Create: Entity {
    /// The state before the first command.
    fn create(id: &EntityId) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: Entity> Create for E
where
    E::Init: Initial<E>,
{
    fn create(id: &EntityId) -> Self {
        <E::Init as Initial<E>>::initial(id)
    }
}

/// A way in which entities of type `E` start.
pub trait Initial<E> {
    /// The state before the first command.
    fn initial(id: &EntityId) -> E;
}

/// The way of entities without the option `init`.
#[derive(Debug)]
pub enum FromDefault {}

#[diagnostic::do_not_recommend]
impl<E: Default> Initial<E> for FromDefault {
    fn initial(_id: &EntityId) -> E {
        E::default()
    }
}

/// How messages reach the methods of an entity.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handlers",
    label = "no `#[handlers] impl {Self}` found",
    note = "write `#[handlers]` above the `impl {Self}` block that holds its handlers"
)]
pub trait Handlers: Entity {
    /// Names of the rpcs that have a handler in the first block.
    const HANDLED: &'static [&'static str];

    /// The other blocks.
    #[doc(hidden)]
    const PARTS: &'static [Part<Self>] = &[];

    /// The rpc of this name, if it has a handler in any block.
    fn handled(name: &str) -> Option<&'static str> {
        let others = Self::PARTS.iter().flat_map(|part| part.handled);
        let mut all = Self::HANDLED.iter().chain(others);
        all.find(|handled| **handled == name).copied()
    }

    /// Runs the handler of the command's rpc.
    fn handle(context: &mut Context<Self>, command: Command) -> Handled;

    /// Applies a stored event.
    ///
    /// # Errors
    /// No handler takes events of this type, or the bytes are not such an event.
    fn replay(&mut self, event: &Any, context: &EventContext<'_>) -> Result<(), ReplayError>;

    /// The state as a snapshot, where the entity has a `#[snapshot]` method.
    fn take_snapshot(&self) -> Option<Any>;

    /// Replaces the state by a snapshot's.
    ///
    /// # Errors
    /// No `#[snapshot_handler]` takes this type, or the bytes are not such a snapshot.
    fn restore_snapshot(&mut self, snapshot: &Any) -> Result<(), ReplayError>;

    /// Reads the whole entity from an older type, by its upcasters; `None` if no upcaster takes what is stored.
    fn read_older(stored: &Any) -> Option<Result<Self, DecodeError>> {
        let _ = stored;
        None
    }
}

/// An entity with an event handler for `V`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no event handler for `{V}`",
    label = "nothing applies this event",
    note = "write `#[event_handler] fn name(&mut self, event: {V}) {{ .. }}` in the `#[handlers]` block of `{Self}`"
)]
pub trait Handles<V: 'static>: EventSourcedEntity {
    /// How events of this type are written and read.
    fn codec() -> &'static EventCodec<V>;

    /// [`Payload::type_url`] of `V`.
    fn type_url() -> &'static ByteString {
        Self::codec().type_url()
    }

    /// Runs the event handler.
    fn apply(&mut self, event: V, context: &EventContext<'_>);
}

/// A type of event that `E` has a handler for: every `V` where `E` is [`Handles<V>`](Handles), and event sourced.
///
/// The same fact with the event in front, because the compiler then takes the event's type from the event. From the one
/// event that an entity handles it would conclude that every event must be of that type, and report a type mismatch
/// where a handler is missing.
#[diagnostic::on_unimplemented(
    message = "`{E}` emits no events: it is not an event-sourced entity",
    label = "only event-sourced entities emit",
    note = "change the state through the context, or write `#[event_sourced_entity(service = ..)]` above `struct {E}`"
)]
pub trait EventOf<E: Entity, K: Kind = kind::EventSourced> {
    /// Stores the event, and runs its handler.
    fn emit(self, context: &mut Context<E>);
}

impl<E: Handles<V>, V: 'static> EventOf<E> for V {
    fn emit(self, context: &mut Context<E>) {
        context.emit_to_handler(self);
    }
}

/// An entity with `#[snapshot]` and `#[snapshot_handler]`, which agree on one type.
#[diagnostic::on_unimplemented(
    message = "`snapshot_every` is set, but `{Self}` has no snapshots",
    label = "no `#[snapshot]` and `#[snapshot_handler]` found",
    note = "write `#[snapshot] fn save(&self) -> T` and `#[snapshot_handler] fn restore(&mut self, saved: T)` in the \
            `#[handlers]` block of `{Self}`, or remove `snapshot_every`"
)]
pub trait Snapshots: Entity<Kind: Stored> {
    /// The stored form of the state.
    type Snapshot: Payload;

    /// Runs the `#[snapshot]` method.
    fn save(&self) -> Self::Snapshot;

    /// Runs the `#[snapshot_handler]` method.
    fn restore(&mut self, snapshot: Self::Snapshot);

    /// Reads what is stored, an older type by its upcasters; `None` if it is of no type that the entity knows.
    fn read(stored: &Any) -> Option<Result<Self::Snapshot, DecodeError>> {
        Self::Snapshot::from_any(stored)
    }
}

/// Why a stored event or snapshot could not be applied.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No handler takes this type.
    #[error("No {kind} handler found for {kind} {type_url} on {entity}")]
    NoHandler {
        /// Rust name of the entity.
        entity: &'static str,
        /// `event` or `snapshot`.
        kind: &'static str,
        /// What was stored.
        type_url: ByteString,
    },
    /// The stored bytes are not a value of their type.
    #[error("The stored {kind} {type_url} cannot be decoded: {source}")]
    Decode {
        /// `event` or `snapshot`.
        kind: &'static str,
        /// What was stored.
        type_url: ByteString,
        /// What the decoder says.
        source: DecodeError,
    },
}
