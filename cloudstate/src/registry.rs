//! What a program serves: the entities it registers, checked before anything runs.

mod entity_type;

use std::{collections::BTreeMap, env, panic::Location};

use crate::{
    Create, EntityId, Handlers, Result,
    action::{CallHandlers, LiveAction},
    crdt_entity, error, event_sourced,
    kind::Hosts,
    user_function::UserFunction,
    value_entity,
};

pub(crate) use entity_type::{EntityType, Factory, Hosted};

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
        self.entities.iter().map(EntityType::service).collect()
    }

    fn add(&mut self, entity: EntityType) {
        let present = |other: &&mut EntityType| other.is_same_type(&entity);
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
                if earlier.service() == entity.service() {
                    return Err(shared_service(earlier, entity).into());
                }
                if earlier.stores()
                    && entity.stores()
                    && earlier.persistence_id() == entity.persistence_id()
                {
                    return Err(shared_persistence_id(earlier, entity).into());
                }
            }
        }
        let by_service = entities
            .into_iter()
            .map(|entity| (entity.service(), entity))
            .collect();
        Ok(Self { by_service })
    }

    /// The event-sourced entity type behind a service.
    pub(crate) fn event_sourced(
        &self,
        service: &str,
    ) -> Option<Hosted<'_, dyn event_sourced::LiveEntity>> {
        self.by_service.get(service)?.event_sourced()
    }

    /// The value entity type behind a service.
    pub(crate) fn value_entity(
        &self,
        service: &str,
    ) -> Option<Hosted<'_, dyn value_entity::LiveEntity>> {
        self.by_service.get(service)?.value_entity()
    }

    /// The CRDT entity type behind a service.
    pub(crate) fn crdt_entity(
        &self,
        service: &str,
    ) -> Option<Hosted<'_, dyn crdt_entity::LiveEntity>> {
        self.by_service.get(service)?.crdt_entity()
    }

    /// The action behind a service.
    pub(crate) fn action(&self, service: &str) -> Option<&LiveAction> {
        self.by_service.get(service)?.live_action()
    }

    /// Every entity type, by service name.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &EntityType> {
        self.by_service.values()
    }
}

fn shared_service(first: &EntityType, second: &EntityType) -> error::Kind {
    error::Kind::SharedService {
        service: first.service(),
        first: first.type_name(),
        first_source: first.source().into(),
        second: second.type_name(),
        second_source: second.source().into(),
    }
}

fn shared_persistence_id(first: &EntityType, second: &EntityType) -> error::Kind {
    error::Kind::SharedPersistenceId {
        persistence_id: first.persistence_id(),
        first: first.type_name(),
        first_source: first.source().into(),
        second: second.type_name(),
        second_source: second.source().into(),
    }
}

fn program_name() -> String {
    env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "cloudstate".into())
}
