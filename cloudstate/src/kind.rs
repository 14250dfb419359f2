//! The kinds of stateful entity, as types: what a command may do in each, and which rpcs it can handle.
//!
//! An entity's attribute names its kind, and everything that differs between kinds follows from it by trait.

use std::{fmt, sync::Arc};

use cloudstate_protocol::version;

use crate::{
    Context, CrdtEntity, Entity, EntityId, EventSourcedEntity, Handlers, ValueEntity, crdt_entity,
    event_sourced,
    handler::{Always, MaybeSilent, Silence},
    registry::Factory,
    service::{ServerStreaming, Shape, Unary},
    value_entity,
};

/// State is what the entity's events say.
#[derive(Debug)]
pub enum EventSourced {}

/// State is a value that is stored as a whole whenever it has changed.
#[derive(Debug)]
pub enum Value {}

/// State is a replicated value, which every node may change.
#[derive(Debug)]
pub enum Crdt {}

/// A kind of stateful entity. Sealed: the protocol knows these.
pub trait Kind: sealed::Sealed + Sized + 'static {
    /// The protocol's name of it.
    const ENTITY_TYPE: &'static str;
    /// What a message calls an entity of this kind, with its article.
    const NOUN: &'static str;
    /// Whether its handlers may take a stream.
    const CLIENT_STREAMS: bool;
    /// Whether its handlers may answer with a stream.
    const SERVER_STREAMS: bool;
    /// What the context of such an entity holds, beside its state.
    type Work<E: Entity>: Send + fmt::Debug;
}

impl Kind for EventSourced {
    const ENTITY_TYPE: &'static str = version::EVENT_SOURCED;
    const NOUN: &'static str = "an event-sourced entity";
    const CLIENT_STREAMS: bool = false;
    const SERVER_STREAMS: bool = false;
    type Work<E: Entity> = event_sourced::Emitted;
}

impl Kind for Value {
    const ENTITY_TYPE: &'static str = version::VALUE_ENTITY;
    const NOUN: &'static str = "a value entity";
    const CLIENT_STREAMS: bool = false;
    const SERVER_STREAMS: bool = false;
    type Work<E: Entity> = value_entity::Change<E>;
}

impl Kind for Crdt {
    const ENTITY_TYPE: &'static str = version::CRDT;
    const NOUN: &'static str = "a CRDT entity";
    const CLIENT_STREAMS: bool = false;
    const SERVER_STREAMS: bool = true;
    type Work<E: Entity> = crdt_entity::Work<E>;
}

/// A shape that the handlers of a kind can have.
///
/// The shape stands in front, because the compiler then takes it from the rpc. From the one shape that a kind handles it
/// would conclude that every rpc must have it, and report a type mismatch where one streams.
#[diagnostic::on_unimplemented(
    message = "an entity of kind `{K}` cannot handle an rpc that streams",
    label = "this rpc streams",
    note = "remove its handler, and let its calls fail: write `#[handlers(partial)]`"
)]
pub trait HandledBy<K: Kind>: Shape {}

impl HandledBy<EventSourced> for Unary {}
impl HandledBy<Value> for Unary {}
impl HandledBy<Crdt> for Unary {}
impl HandledBy<Crdt> for ServerStreaming {}

/// A kind whose entities say how they are stored.
#[diagnostic::on_unimplemented(
    message = "an entity of kind `{Self}` has no snapshots",
    label = "has `#[snapshot]` and `#[snapshot_handler]`",
    note = "a CRDT entity is kept as the replicated value that it is: remove the two methods"
)]
pub trait Stored: Kind {}

impl Stored for EventSourced {}
impl Stored for Value {}

/// Whether the handlers of a kind may answer nothing: what they return says if it [`Always`] is an answer.
#[diagnostic::on_unimplemented(
    message = "an entity of this kind answers every command",
    label = "this may be no answer",
    note = "write `Reply` instead of `MaybeReply`; where there is nothing to say, let the rpc return `google.protobuf.Empty`"
)]
pub trait PermittedBy<K: Kind>: Silence {}

impl<K: Kind> PermittedBy<K> for Always {}
impl PermittedBy<Crdt> for MaybeSilent {}

/// A kind whose command handlers change the state themselves, through the context, and may delete it.
#[diagnostic::on_unimplemented(
    message = "the state of an entity of kind `{Self}` cannot be changed by a command",
    label = "not a kind whose commands change the state",
    note = "an event-sourced entity changes in its event handlers: write `context.emit(event)`"
)]
pub trait Mutable: Kind {
    /// Notes that the handler has borrowed the state mutably.
    fn changed<E: Entity<Kind = Self>>(work: &mut Self::Work<E>);

    /// Deletes the state.
    fn delete<E: Entity<Kind = Self>>(context: &mut Context<E>);
}

/// A kind that can run entities of type `E`: every kind those of its own.
pub trait Hosts<E>: Kind {
    /// What makes live entities of those that `create` returns.
    #[doc(hidden)]
    fn factory(create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>) -> Factory;
}

impl<E: Handlers + EventSourcedEntity> Hosts<E> for EventSourced {
    fn factory(create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>) -> Factory {
        Factory::event_sourced(Arc::new(move |id| {
            let state = create(&id);
            event_sourced::live(id, state)
        }))
    }
}

impl<E: Handlers + ValueEntity> Hosts<E> for Value {
    fn factory(create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>) -> Factory {
        Factory::value_entity(Arc::new(move |id| {
            value_entity::live(id, Arc::clone(&create))
        }))
    }
}

impl<E: Handlers + CrdtEntity> Hosts<E> for Crdt {
    fn factory(create: Arc<dyn Fn(&EntityId) -> E + Send + Sync>) -> Factory {
        Factory::crdt_entity(Arc::new(move |id| {
            let state = create(&id);
            crdt_entity::live(id, state)
        }))
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Crdt {}
    impl Sealed for super::EventSourced {}
    impl Sealed for super::Value {}
}
