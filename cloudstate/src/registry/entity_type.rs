//! An entity type as values: what is known of it when its own type is forgotten.

use std::{
    any::{TypeId, type_name},
    fmt,
    sync::Arc,
    time::Duration,
};

use cloudstate_protocol::version;

use crate::{
    Entity, EntityId, Handlers, Service,
    action::{CallHandlers, LiveAction},
    crdt_entity, event_sourced,
    kind::{Hosts, Kind},
    value_entity,
};

/// An entity type, as values.
#[derive(Clone)]
pub(crate) struct EntityType {
    rust_type: TypeId,
    type_name: &'static str,
    /// Where it is registered, `file:line`.
    source: String,
    service: &'static str,
    descriptor_set: &'static [u8],
    persistence_id: &'static str,
    passivate_after: Option<Duration>,
    /// The protocol's name of its kind.
    entity_type: &'static str,
    factory: Factory,
}

/// What makes live entities of a type.
#[derive(Clone)]
pub struct Factory(ByKind);

#[derive(Clone)]
enum ByKind {
    EventSourced(Creator<dyn event_sourced::LiveEntity>),
    Value(Creator<dyn value_entity::LiveEntity>),
    Crdt(Creator<dyn crdt_entity::LiveEntity>),
    Action(LiveAction),
}

impl Factory {
    pub(crate) fn event_sourced(create: Creator<dyn event_sourced::LiveEntity>) -> Self {
        Self(ByKind::EventSourced(create))
    }

    pub(crate) fn value_entity(create: Creator<dyn value_entity::LiveEntity>) -> Self {
        Self(ByKind::Value(create))
    }

    pub(crate) fn crdt_entity(create: Creator<dyn crdt_entity::LiveEntity>) -> Self {
        Self(ByKind::Crdt(create))
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}

type Creator<T> = Arc<dyn Fn(EntityId) -> Box<T> + Send + Sync>;

/// An entity type of one kind, as its state machine sees it.
pub(crate) struct Hosted<'a, T: ?Sized> {
    pub(crate) type_name: &'static str,
    /// Makes a live entity of which nothing is stored.
    pub(crate) create: &'a (dyn Fn(EntityId) -> Box<T> + Send + Sync),
}

impl EntityType {
    pub(super) fn new<E: Handlers>(
        source: String,
        create: impl Fn(&EntityId) -> E + Send + Sync + 'static,
    ) -> Self
    where
        E::Kind: Hosts<E>,
    {
        Self {
            rust_type: TypeId::of::<E>(),
            type_name: type_name::<E>(),
            source,
            service: <E::Service as Service>::NAME,
            descriptor_set: <E::Service as Service>::DESCRIPTOR_SET,
            persistence_id: <E as Entity>::PERSISTENCE_ID,
            passivate_after: <E as Entity>::PASSIVATE_AFTER,
            entity_type: <E::Kind as Kind>::ENTITY_TYPE,
            factory: <E::Kind as Hosts<E>>::factory(Arc::new(create)),
        }
    }

    pub(super) fn action<A: CallHandlers>(source: String, action: A) -> Self {
        let service = <A::Service as Service>::NAME;
        Self {
            rust_type: TypeId::of::<A>(),
            type_name: type_name::<A>(),
            source,
            service,
            descriptor_set: <A::Service as Service>::DESCRIPTOR_SET,
            persistence_id: service.rsplit('.').next().unwrap_or(service),
            passivate_after: None,
            entity_type: version::ACTION,
            factory: Factory(ByKind::Action(LiveAction::new(action))),
        }
    }

    /// Whether anything is stored under its persistence id.
    pub(super) fn stores(&self) -> bool {
        !matches!(self.factory.0, ByKind::Action(_))
    }

    /// Whether both are of one Rust type.
    pub(super) fn is_same_type(&self, other: &Self) -> bool {
        self.rust_type == other.rust_type
    }

    pub(super) fn event_sourced(&self) -> Option<Hosted<'_, dyn event_sourced::LiveEntity>> {
        match &self.factory.0 {
            ByKind::EventSourced(create) => Some(self.hosted(create)),
            ByKind::Value(_) | ByKind::Crdt(_) | ByKind::Action(_) => None,
        }
    }

    pub(super) fn value_entity(&self) -> Option<Hosted<'_, dyn value_entity::LiveEntity>> {
        match &self.factory.0 {
            ByKind::Value(create) => Some(self.hosted(create)),
            ByKind::EventSourced(_) | ByKind::Crdt(_) | ByKind::Action(_) => None,
        }
    }

    pub(super) fn crdt_entity(&self) -> Option<Hosted<'_, dyn crdt_entity::LiveEntity>> {
        match &self.factory.0 {
            ByKind::Crdt(create) => Some(self.hosted(create)),
            ByKind::EventSourced(_) | ByKind::Value(_) | ByKind::Action(_) => None,
        }
    }

    pub(super) fn live_action(&self) -> Option<&LiveAction> {
        match &self.factory.0 {
            ByKind::Action(action) => Some(action),
            ByKind::EventSourced(_) | ByKind::Value(_) | ByKind::Crdt(_) => None,
        }
    }

    fn hosted<'a, T: ?Sized>(&'a self, create: &'a Creator<T>) -> Hosted<'a, T> {
        Hosted {
            type_name: self.type_name,
            create: &**create,
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    pub(crate) fn descriptor_set(&self) -> &'static [u8] {
        self.descriptor_set
    }

    pub(crate) fn persistence_id(&self) -> &'static str {
        self.persistence_id
    }

    pub(crate) fn entity_type(&self) -> &'static str {
        self.entity_type
    }

    pub(crate) fn passivate_after(&self) -> Option<Duration> {
        self.passivate_after
    }
}

impl fmt::Debug for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityType")
            .field("type_name", &self.type_name)
            .field("service", &self.service)
            .field("persistence_id", &self.persistence_id)
            .finish_non_exhaustive()
    }
}
