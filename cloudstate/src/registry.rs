//! What a program serves: the entities it registers, checked before anything runs.

use std::{
    any::{TypeId, type_name},
    collections::BTreeMap,
    env, fmt,
    panic::Location,
    sync::Arc,
    time::Duration,
};

use cloudstate_protocol::version;

use crate::{
    Create, Entity, EntityId, Handlers, Result, Service,
    action::{CallHandlers, LiveAction},
    crdt_entity, error, event_sourced,
    kind::{Hosts, Kind},
    user_function::UserFunction,
    value_entity,
};

/// An annotated entity or action, as `inventory` collects it.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    source: &'static str,
    entity_type: fn(String) -> EntityType,
}

inventory::collect!(Registration);

impl Registration {
    /// A stateful entity of any kind; `source` is the place of its attribute, `file:line`.
    pub const fn entity<E: Handlers + Create>(source: &'static str) -> Self
    where
        E::Kind: Hosts<E>,
    {
        Self {
            source,
            entity_type: |source| EntityType::new::<E>(source, E::create),
        }
    }
}

impl Registration {
    /// An action that starts from its default; `source` is the place of its attribute, `file:line`.
    pub const fn action<A: CallHandlers + CreateAction>(source: &'static str) -> Self {
        Self {
            source,
            entity_type: |source| EntityType::action(source, A::create()),
        }
    }
}

/// An action that can be made of nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be created from nothing",
    label = "does not implement `Default`",
    note = "write `#[derive(Default)]` above `struct {Self}`",
    note = "or write `register = false` in its attribute, and pass a value to `Cloudstate::register_action`"
)]
pub trait CreateAction: Sized {
    /// The one that serves all calls.
    fn create() -> Self;
}

impl<T: Default> CreateAction for T {
    fn create() -> Self {
        Self::default()
    }
}

/// A service under construction: its entities and actions, its name and its version.
///
/// [`run`](crate::run) is enough where annotated entities start from their `Default`. This builder is for those that
/// need something from outside:
///
/// ```no_run
/// # async fn main_of_a_service() -> cloudstate::Result<()> {
/// cloudstate::Cloudstate::registered()
///     .service_name("shop")
///     .service_version(env!("CARGO_PKG_VERSION"))
///     .run()
///     .await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is served before `run` is called"]
pub struct Cloudstate {
    entities: Vec<EntityType>,
    service_name: Option<String>,
    service_version: String,
}

impl Cloudstate {
    /// A service without entities.
    pub fn new() -> Self {
        Self::default()
    }

    /// A service with every annotated entity and action that is linked into this program.
    pub fn registered() -> Self {
        let mut this = Self::new();
        for registration in inventory::iter::<Registration> {
            this.add((registration.entity_type)(registration.source.into()));
        }
        this
    }

    /// Adds an entity that starts from its default.
    #[track_caller]
    pub fn register<E: Handlers + Create>(self) -> Self
    where
        E::Kind: Hosts<E>,
    {
        self.register_with(E::create)
    }

    /// Adds an entity that starts from what `create` returns, instead of its registration if it has one.
    ///
    /// `create` runs whenever an entity is loaded, before what is stored of it is applied. What it puts into the state
    /// beside that, such as a shared price list, is not stored.
    #[track_caller]
    pub fn register_with<E: Handlers>(
        mut self,
        create: impl Fn(&EntityId) -> E + Send + Sync + 'static,
    ) -> Self
    where
        E::Kind: Hosts<E>,
    {
        let caller = Location::caller();
        let source = format!("{}:{}", caller.file(), caller.line());
        self.add(EntityType::new::<E>(source, create));
        self
    }

    /// Adds an action, instead of its registration if it has one. This value handles all calls of its service.
    #[track_caller]
    pub fn register_action<A: CallHandlers>(mut self, action: A) -> Self {
        let caller = Location::caller();
        let source = format!("{}:{}", caller.file(), caller.line());
        self.add(EntityType::action(source, action));
        self
    }

    /// Names the service, for discovery and for the directory of its data; the program's file name otherwise.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Tells proxies and `--version` the version of the service: `env!("CARGO_PKG_VERSION")`.
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.service_version = version.into();
        self
    }

    /// Checks what is registered.
    ///
    /// # Errors
    /// There is no entity, two entities share a service or a persistence id, or their `.proto` files shadow each other.
    pub fn into_user_function(self) -> Result<UserFunction> {
        let name = self.name();
        let registry = Registry::new(self.entities)?;
        UserFunction::new(registry, name, self.service_version)
    }

    pub(crate) fn name(&self) -> String {
        self.service_name.clone().unwrap_or_else(program_name)
    }

    pub(crate) fn version(&self) -> &str {
        &self.service_version
    }

    pub(crate) fn services(&self) -> Vec<&'static str> {
        self.entities.iter().map(|entity| entity.service).collect()
    }

    fn add(&mut self, entity: EntityType) {
        let present = |other: &&mut EntityType| other.rust_type == entity.rust_type;
        match self.entities.iter_mut().find(present) {
            Some(present) => *present = entity,
            None => self.entities.push(entity),
        }
    }
}

/// The entity types of a program; no two share a service or a persistence id.
#[derive(Debug)]
pub(crate) struct Registry {
    by_service: BTreeMap<&'static str, EntityType>,
}

impl Registry {
    fn new(entities: Vec<EntityType>) -> Result<Self> {
        if entities.is_empty() {
            return Err(error::Kind::NoEntities.into());
        }
        for (index, entity) in entities.iter().enumerate() {
            for earlier in &entities[..index] {
                if earlier.service == entity.service {
                    return Err(shared_service(earlier, entity).into());
                }
                if earlier.stores()
                    && entity.stores()
                    && earlier.persistence_id == entity.persistence_id
                {
                    return Err(shared_persistence_id(earlier, entity).into());
                }
            }
        }
        let by_service = entities
            .into_iter()
            .map(|entity| (entity.service, entity))
            .collect();
        Ok(Self { by_service })
    }

    /// The event-sourced entity type behind a service.
    pub(crate) fn event_sourced(
        &self,
        service: &str,
    ) -> Option<Hosted<'_, dyn event_sourced::LiveEntity>> {
        let entity = self.by_service.get(service)?;
        match &entity.factory.0 {
            ByKind::EventSourced(create) => Some(entity.hosted(create)),
            ByKind::Value(_) | ByKind::Crdt(_) | ByKind::Action(_) => None,
        }
    }

    /// The value entity type behind a service.
    pub(crate) fn value_entity(
        &self,
        service: &str,
    ) -> Option<Hosted<'_, dyn value_entity::LiveEntity>> {
        let entity = self.by_service.get(service)?;
        match &entity.factory.0 {
            ByKind::Value(create) => Some(entity.hosted(create)),
            ByKind::EventSourced(_) | ByKind::Crdt(_) | ByKind::Action(_) => None,
        }
    }

    /// The CRDT entity type behind a service.
    pub(crate) fn crdt_entity(
        &self,
        service: &str,
    ) -> Option<Hosted<'_, dyn crdt_entity::LiveEntity>> {
        let entity = self.by_service.get(service)?;
        match &entity.factory.0 {
            ByKind::Crdt(create) => Some(entity.hosted(create)),
            ByKind::EventSourced(_) | ByKind::Value(_) | ByKind::Action(_) => None,
        }
    }

    /// The action behind a service.
    pub(crate) fn action(&self, service: &str) -> Option<&LiveAction> {
        match &self.by_service.get(service)?.factory.0 {
            ByKind::Action(action) => Some(action),
            ByKind::EventSourced(_) | ByKind::Value(_) | ByKind::Crdt(_) => None,
        }
    }

    /// Every entity type, by service name.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &EntityType> {
        self.by_service.values()
    }
}

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

pub(crate) type Creator<T> = Arc<dyn Fn(EntityId) -> Box<T> + Send + Sync>;

/// An entity type of one kind, as its state machine sees it.
pub(crate) struct Hosted<'a, T: ?Sized> {
    pub(crate) type_name: &'static str,
    /// Makes a live entity of which nothing is stored.
    pub(crate) create: &'a (dyn Fn(EntityId) -> Box<T> + Send + Sync),
}

impl EntityType {
    fn new<E: Handlers>(
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

    fn action<A: CallHandlers>(source: String, action: A) -> Self {
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
    fn stores(&self) -> bool {
        !matches!(self.factory.0, ByKind::Action(_))
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

fn shared_service(first: &EntityType, second: &EntityType) -> error::Kind {
    error::Kind::SharedService {
        service: first.service,
        first: first.type_name,
        first_source: first.source.clone(),
        second: second.type_name,
        second_source: second.source.clone(),
    }
}

fn shared_persistence_id(first: &EntityType, second: &EntityType) -> error::Kind {
    error::Kind::SharedPersistenceId {
        persistence_id: first.persistence_id,
        first: first.type_name,
        first_source: first.source.clone(),
        second: second.type_name,
        second_source: second.source.clone(),
    }
}

fn program_name() -> String {
    env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "cloudstate".into())
}
