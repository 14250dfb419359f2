//! What a user function serves, checked and compiled into the tables that every call goes through.

mod eventing;
mod method;
mod subscription;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use cloudstate_protocol::{
    cloudstate::{Entity, EntitySpec, ServiceInfo, entity_passivation_strategy::Strategy},
    version,
};
use prost_reflect::{DescriptorPool, FileDescriptor, ServiceDescriptor};

use crate::{openapi, transcoding::Transcoder};
use eventing::{Declaration, Topics};
use subscription::Subscriptions;

pub use eventing::Source;
pub use method::{Method, Shape};
pub use subscription::Subscription;

/// How the persistence ids begin under which the proxy keeps things of its own.
const RESERVED: &str = "cloudstate|";

/// Everything the proxy knows of the services of one user function.
#[derive(Debug)]
pub struct Catalog {
    /// The services, in the order in which the user function named them.
    pub services: Vec<Arc<Service>>,
    /// The descriptors behind them.
    pub descriptors: DescriptorPool,
    /// How methods look over HTTP; methods are numbered as in [`Catalog::methods`].
    pub transcoder: Transcoder,
    /// What methods subscribe to.
    pub subscriptions: Vec<Arc<Subscription>>,
    methods: Vec<Arc<Method>>,
    by_path: HashMap<String, usize>,
    /// What the user function says of itself.
    pub(crate) service_info: ServiceInfo,
    /// Made when somebody asks for it.
    openapi: OnceLock<Bytes>,
}

/// One service, implemented by one entity type or one action.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// Full name.
    pub name: String,
    /// Separates its data from that of other entity types.
    pub persistence_id: Arc<str>,
    /// How long an idle entity stays in memory, where the user function says so.
    pub passivate_after: Option<Duration>,
    /// What implements it.
    pub kind: EntityKind,
}

/// What implements a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// `cloudstate.eventsourced.EventSourced`.
    EventSourced,
    /// `cloudstate.valueentity.ValueEntity`.
    Value,
    /// `cloudstate.crdt.Crdt`.
    Crdt,
    /// `cloudstate.action.ActionProtocol`.
    Action,
}

impl EntityKind {
    /// Every kind that is served, as announced in discovery.
    pub const SUPPORTED: &[&str] = &[
        version::EVENT_SOURCED,
        version::VALUE_ENTITY,
        version::CRDT,
        version::ACTION,
    ];

    fn from_entity_type(entity_type: &str) -> Option<Self> {
        match entity_type {
            version::EVENT_SOURCED => Some(Self::EventSourced),
            version::VALUE_ENTITY => Some(Self::Value),
            version::CRDT => Some(Self::Crdt),
            version::ACTION => Some(Self::Action),
            _ => None,
        }
    }

    /// Whether each call is for one entity, which the request names.
    pub fn is_keyed(self) -> bool {
        match self {
            Self::EventSourced | Self::Value | Self::Crdt => true,
            Self::Action => false,
        }
    }

    /// Whether what is published of a reply is stored together with the changes that came with it.
    pub(crate) fn publishes_with_changes(self) -> bool {
        match self {
            Self::EventSourced | Self::Value => true,
            Self::Crdt | Self::Action => false,
        }
    }

    /// What is wrong with methods of this shape, and what to write instead.
    fn objection(self, shape: Shape) -> Option<&'static str> {
        match (self, shape) {
            (_, Shape::Unary) | (Self::Action, _) | (Self::Crdt, Shape::StreamedOut) => None,
            (Self::EventSourced, _) => {
                Some("streams, which event-sourced entities cannot: make it unary")
            }
            (Self::Value, _) => Some("streams, which value entities cannot: make it unary"),
            (Self::Crdt, _) => Some(
                "takes a stream, which CRDT entities cannot: let it take one message; its response may be a stream",
            ),
        }
    }
}

impl Catalog {
    /// Checks a specification and compiles it.
    ///
    /// # Errors
    /// Everything that is wrong with the specification, not only the first thing.
    pub fn new(spec: &EntitySpec) -> Result<Self, SpecError> {
        let mut problems = Problems::default();
        check_protocol_version(spec, &mut problems);
        problems.stop_if_any()?;
        let descriptors = DescriptorPool::decode(spec.proto.clone()).map_err(|error| {
            SpecError::from(format!(
                "the descriptor set in EntitySpec.proto cannot be used: {error}"
            ))
        })?;
        check_imports(&descriptors, &mut problems);
        if spec.entities.is_empty() {
            problems.add("the user function serves no entities");
        }

        let mut services = Vec::new();
        let mut service_descriptors = Vec::new();
        let mut methods = Vec::new();
        let mut by_path = HashMap::new();
        let mut subscriptions = Subscriptions::default();
        let mut topics = Topics::default();
        for entity in &spec.entities {
            let Some(kind) = check_kind(entity, &mut problems) else {
                continue;
            };
            let Some(descriptor) = descriptors.get_service_by_name(&entity.service_name) else {
                problems.add(format!(
                    "service `{}` is not in the descriptor set",
                    entity.service_name
                ));
                continue;
            };
            for method in descriptor.methods() {
                let declared = topics.declaration(&method).unwrap_or_else(|problem| {
                    problems.add(problem);
                    Declaration::default()
                });
                let compiled =
                    match Method::new(&method, services.len(), kind, declared.destination) {
                        Ok(compiled) => Arc::new(compiled),
                        Err(problem) => {
                            problems.add(problem);
                            continue;
                        }
                    };
                if let Some(source) = declared.source
                    && let Err(problem) = subscriptions.add(source, &method, &compiled)
                {
                    problems.add(problem);
                }
                by_path.insert(
                    format!("/{}/{}", entity.service_name, method.name()),
                    methods.len(),
                );
                methods.push(compiled);
            }
            services.push(Arc::new(Service {
                name: entity.service_name.clone(),
                persistence_id: entity.persistence_id.as_str().into(),
                passivate_after: passivation(entity, &mut problems),
                kind,
            }));
            service_descriptors.push(descriptor);
        }
        check_unique(spec, &mut problems);
        problems.stop_if_any()?;
        let transcoder = compile_http_rules(&service_descriptors)?;
        Ok(Self {
            services,
            descriptors,
            transcoder,
            subscriptions: subscriptions.finish().into_iter().map(Arc::new).collect(),
            methods,
            by_path,
            service_info: spec.service_info.clone().unwrap_or_default(),
            openapi: OnceLock::new(),
        })
    }

    /// The OpenAPI document of what is served over HTTP/JSON, as JSON.
    pub fn openapi(&self) -> &Bytes {
        self.openapi
            .get_or_init(|| openapi::document(self).to_string().into())
    }

    /// The method of a gRPC path such as `/com.example.ShoppingCart/AddItem`.
    pub fn method_by_path(&self, path: &str) -> Option<&Arc<Method>> {
        self.by_path.get(path).map(|&index| &self.methods[index])
    }

    /// The method of this service and simple name.
    pub fn method(&self, service: &str, name: &str) -> Option<&Arc<Method>> {
        self.method_by_path(&format!("/{service}/{name}"))
    }

    /// Whether a service of this name is served.
    pub fn has_service(&self, name: &str) -> bool {
        self.services.iter().any(|service| service.name == name)
    }

    /// The services that keep something under their persistence ids.
    pub(crate) fn keyed_services(&self) -> impl Iterator<Item = &Service> {
        let services = self.services.iter().map(|service| &**service);
        services.filter(|service| service.kind.is_keyed())
    }

    /// Every method, service by service, in order of declaration.
    pub fn methods(&self) -> &[Arc<Method>] {
        &self.methods
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventSourced => "event-sourced entities",
            Self::Value => "value entities",
            Self::Crdt => "CRDT entities",
            Self::Action => "actions",
        })
    }
}

/// Files that import each other are no schema: no compiler makes them, and clients of server reflection would follow
/// their imports for ever.
fn check_imports(descriptors: &DescriptorPool, problems: &mut Problems) {
    let mut rest: Vec<_> = descriptors.files().collect();
    loop {
        let names: HashSet<_> = rest.iter().map(|file| file.name().to_owned()).collect();
        let imports_one = |file: &FileDescriptor| {
            file.dependencies()
                .any(|import| names.contains(import.name()))
        };
        rest.retain(imports_one);
        if rest.len() == names.len() {
            break;
        }
    }
    if !rest.is_empty() {
        let names: Vec<_> = rest.iter().map(FileDescriptor::name).collect();
        problems.add(format!(
            "the descriptor set in EntitySpec.proto has an import cycle; these files are in it or import it: {}",
            names.join(", ")
        ));
    }
}

fn check_protocol_version(spec: &EntitySpec, problems: &mut Problems) {
    let (major, minor) = spec.service_info.as_ref().map_or((0, 0), |info| {
        (info.protocol_major_version, info.protocol_minor_version)
    });
    if (major, minor) != (version::MAJOR, version::MINOR) {
        problems.add(format!(
            "the user function speaks protocol {major}.{minor}, this proxy speaks {}.{}: use a support library of that \
             protocol version",
            version::MAJOR,
            version::MINOR
        ));
    }
}

fn check_kind(entity: &Entity, problems: &mut Problems) -> Option<EntityKind> {
    let kind = EntityKind::from_entity_type(&entity.entity_type);
    if kind.is_none() {
        problems.add(format!(
            "service `{}` has entity type `{}`, which this proxy does not support; it supports {}",
            entity.service_name,
            entity.entity_type,
            EntityKind::SUPPORTED.join(", ")
        ));
    }
    kind
}

fn passivation(entity: &Entity, problems: &mut Problems) -> Option<Duration> {
    let Strategy::Timeout(strategy) = entity.passivation_strategy.as_ref()?.strategy.as_ref()?;
    let timeout = u64::try_from(strategy.timeout)
        .ok()
        .filter(|&milliseconds| milliseconds > 0);
    if timeout.is_none() {
        problems.add(format!(
            "service `{}` has a passivation timeout of {} ms; it must be positive",
            entity.service_name, strategy.timeout
        ));
    }
    timeout.map(Duration::from_millis)
}

fn check_unique(spec: &EntitySpec, problems: &mut Problems) {
    let mut names = HashSet::new();
    let mut persistence_ids = HashSet::new();
    for entity in &spec.entities {
        if !names.insert(&entity.service_name) {
            problems.add(format!(
                "service `{}` is served by two entities",
                entity.service_name
            ));
        }
        if entity.entity_type == version::ACTION {
            // Nothing is kept under it.
            continue;
        }
        if entity.persistence_id.is_empty() {
            problems.add(format!(
                "service `{}` has no persistence id",
                entity.service_name
            ));
        } else if entity.persistence_id.starts_with(RESERVED) {
            problems.add(format!(
                "service `{}` has persistence id `{}`; those that begin with `{RESERVED}` are the proxy's own",
                entity.service_name, entity.persistence_id
            ));
        } else if !persistence_ids.insert(&entity.persistence_id) {
            problems.add(format!(
                "persistence id `{}` belongs to two entities, whose data would mix",
                entity.persistence_id
            ));
        }
    }
}

fn compile_http_rules(services: &[ServiceDescriptor]) -> Result<Transcoder, SpecError> {
    Transcoder::new(services).map_err(|errors| SpecError {
        problems: errors.iter().map(ToString::to_string).collect(),
    })
}

/// Why a user function cannot be served.
#[derive(Clone, Debug)]
pub struct SpecError {
    problems: Vec<String>,
}

impl SpecError {
    /// Each thing that is wrong.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl From<String> for SpecError {
    fn from(problem: String) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

impl std::error::Error for SpecError {}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    fn stop_if_any(&self) -> Result<(), SpecError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(SpecError {
                problems: self.0.clone(),
            })
        }
    }
}
