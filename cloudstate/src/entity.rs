//! What the macros say of an entity type: where it is registered, and how messages reach its methods.
//!
//! `#[event_sourced_entity]` implements [`Entity`] and [`EventSourcedEntity`]; `#[handlers]` implements [`Handlers`], a
//! [`Handles`] per event and, with a pair of snapshot methods, [`Snapshots`].

use std::{fmt, ops::Deref, time::Duration};

use bytestring::ByteString;
use cloudstate_protocol::Any;

use crate::{
    Context, DecodeError, EventContext, Payload, Service,
    handler::{Handled, Incoming},
};

/// The id of one entity: what its key fields say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(ByteString);

impl EntityId {
    /// An id with this text.
    pub fn new(id: impl Into<ByteString>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// An entity type of any kind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "has no `#[event_sourced_entity]`",
    note = "write `#[event_sourced_entity(service = ..)]` above `struct {Self}`"
)]
pub trait Entity: Sized + Send + 'static {
    /// The service that it implements.
    type Service: Service;
    /// Separates what it stores from what other entity types store. Changing it loses sight of everything stored.
    const PERSISTENCE_ID: &'static str;
    /// How long an idle entity stays in memory; `None` leaves it to the proxy (30 s unless it is told otherwise).
    const PASSIVATE_AFTER: Option<Duration>;
}

/// An entity whose state is what its events say.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event-sourced entity",
    label = "has no `#[event_sourced_entity]`",
    note = "write `#[event_sourced_entity(service = ..)]` above `struct {Self}`"
)]
pub trait EventSourcedEntity: Entity {
    /// A snapshot is stored with the event whose sequence number is a multiple of this; 0 stores none.
    const SNAPSHOT_EVERY: u64;
}

/// An entity type that can start from nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be created from nothing",
    label = "does not implement `Default`",
    note = "write `#[derive(Default)]` above `struct {Self}`",
    note = "or write `register = false` in its attribute, and pass it to `Cloudstate::register_with`"
)]
pub trait Create: Sized {
    /// The state before the first event.
    fn create(id: &EntityId) -> Self;
}

impl<T: Default> Create for T {
    fn create(_id: &EntityId) -> Self {
        Self::default()
    }
}

/// How messages reach the methods of an event-sourced entity.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handlers",
    label = "no `#[handlers] impl {Self}` found",
    note = "write `#[handlers]` above the `impl {Self}` block that holds its command and event handlers"
)]
pub trait Handlers: EventSourcedEntity {
    /// Names of the rpcs that have a handler.
    const HANDLED: &'static [&'static str];

    /// Runs the handler of the command's rpc.
    fn handle(context: &mut Context<Self>, command: Incoming) -> Handled;

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
}

/// An entity with an event handler for `V`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no event handler for `{V}`",
    label = "nothing applies this event",
    note = "write `#[event_handler] fn name(&mut self, event: {V}) {{ .. }}` in the `#[handlers]` block of `{Self}`"
)]
pub trait Handles<V: Payload>: EventSourcedEntity {
    /// [`Payload::type_url`] of `V`, computed once.
    fn type_url() -> &'static ByteString;

    /// Runs the event handler.
    fn apply(&mut self, event: V, context: &EventContext<'_>);
}

/// A type of event that `E` has a handler for: every `V` where `E` is [`Handles<V>`](Handles).
///
/// The same fact with the event in front, because the compiler then takes the event's type from the event. From the one
/// event that an entity handles it would conclude that every event must be of that type, and report a type mismatch
/// where a handler is missing.
pub trait EventOf<E>: Payload {
    /// [`Handles::type_url`].
    fn stored_type_url() -> &'static ByteString;

    /// [`Handles::apply`].
    fn apply_to(self, state: &mut E, context: &EventContext<'_>);
}

impl<E: Handles<V>, V: Payload> EventOf<E> for V {
    fn stored_type_url() -> &'static ByteString {
        E::type_url()
    }

    fn apply_to(self, state: &mut E, context: &EventContext<'_>) {
        state.apply(self, context);
    }
}

/// An entity with `#[snapshot]` and `#[snapshot_handler]`, which agree on one type.
#[diagnostic::on_unimplemented(
    message = "`snapshot_every` is set, but `{Self}` has no snapshots",
    label = "no `#[snapshot]` and `#[snapshot_handler]` found",
    note = "write `#[snapshot] fn save(&self) -> T` and `#[snapshot_handler] fn restore(&mut self, saved: T)` in the \
            `#[handlers]` block of `{Self}`, or remove `snapshot_every`"
)]
pub trait Snapshots: EventSourcedEntity {
    /// The stored form of the state.
    type Snapshot: Payload;

    /// Runs the `#[snapshot]` method.
    fn save(&self) -> Self::Snapshot;

    /// Runs the `#[snapshot_handler]` method.
    fn restore(&mut self, snapshot: Self::Snapshot);
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
