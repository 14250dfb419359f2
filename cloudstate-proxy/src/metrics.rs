//! What an operator sees in numbers: counters, gauges and histograms, as Prometheus reads them.
//!
//! Each part of the proxy resolves its meters once, when it is made; on the way of a call they are atomics and nothing
//! else. Labels are names of services, methods and entity types, of which there are few, never ids of entities. Nothing
//! is global: two proxies of one process count apart.
//!
//! The names below `cloudstate_eventsourced_` are those of the reference proxy, and the others follow their style.

mod action;
mod entity;
mod family;
mod lifetimes;
mod process;
mod reading;
mod rejection;
mod request;
mod subscription;
mod times;

use std::{fmt, sync::Arc};

use prometheus::{Registry, TextEncoder, proto::MetricFamily};

use crate::{
    catalog::{EntityKind, Method, Service, Subscription},
    store::Store,
    user_function::UserFunction,
};
use action::ActionFamilies;
use entity::EntityFamilies;
use reading::Readings;
use request::RequestFamilies;
use subscription::SubscriptionFamilies;

pub(crate) use action::ActionMeters;
pub(crate) use entity::{CommandMeter, EntityMeters, Life, Persisting};
pub(crate) use family::{SECONDS, register};
pub(crate) use rejection::{Limit, Rejections};
pub(crate) use request::{MethodMeters, RequestMeter};
pub(crate) use subscription::SubscriptionMeters;

/// The meters of one proxy. Clones are the same meters.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    readings: Readings,
    requests: RequestFamilies,
    event_sourced: EntityFamilies,
    value: EntityFamilies,
    crdt: EntityFamilies,
    actions: ActionFamilies,
    subscriptions: SubscriptionFamilies,
    rejections: Arc<Rejections>,
}

impl Default for Families {
    fn default() -> Self {
        let registry = Registry::new();
        let rejections = Arc::new(Rejections::new(&registry));
        let entities = |kind| EntityFamilies::new(&registry, kind, &rejections);
        Self {
            requests: RequestFamilies::new(&registry),
            event_sourced: entities(EntityKind::EventSourced),
            value: entities(EntityKind::Value),
            crdt: entities(EntityKind::Crdt),
            actions: ActionFamilies::new(&registry),
            subscriptions: SubscriptionFamilies::new(&registry),
            readings: Readings::default(),
            rejections,
            registry,
        }
    }
}

impl Metrics {
    /// Everything as Prometheus' text, or only the families of these names, if there are any.
    pub fn text(&self, names: &[impl AsRef<str>]) -> String {
        let mut families = self.0.registry.gather();
        families.extend(self.0.readings.gather());
        families.extend(self.lifetimes());
        families.extend(process::gather());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        if !names.is_empty() {
            families.retain(|family| names.iter().any(|name| name.as_ref() == family.name()));
        }
        // Fails only for a family without a value, of which there is none.
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }

    fn lifetimes(&self) -> impl Iterator<Item = MetricFamily> {
        let Families {
            event_sourced,
            value,
            crdt,
            ..
        } = &*self.0;
        [event_sourced, value, crdt]
            .into_iter()
            .filter_map(EntityFamilies::lifetimes)
    }

    /// The meters of the entities that implement a service; none for an action.
    pub(crate) fn entities(&self, service: &Service) -> Option<Arc<EntityMeters>> {
        let families = match service.kind {
            EntityKind::EventSourced => &self.0.event_sourced,
            EntityKind::Value => &self.0.value,
            EntityKind::Crdt => &self.0.crdt,
            EntityKind::Action => return None,
        };
        Some(Arc::new(families.of(&service.persistence_id)))
    }

    /// The meters of an action.
    pub(crate) fn action(&self, service: &Service) -> ActionMeters {
        self.0.actions.of(&service.name)
    }

    /// The meters of an event-log subscription.
    pub(crate) fn subscription(&self, subscription: &Subscription) -> SubscriptionMeters {
        self.0.subscriptions.of(subscription)
    }

    /// The meters of a method, which the method keeps.
    pub(crate) fn method<'a>(&self, method: &'a Method) -> &'a MethodMeters {
        method
            .meters
            .get_or_init(|| self.0.requests.of(&method.service_name, &method.name))
    }

    /// The meters of requests that are for no method of a service.
    pub(crate) fn other_requests(&self) -> &MethodMeters {
        &self.0.requests.other
    }

    /// Counts a call that a limit has turned away.
    pub(crate) fn rejected(&self, limit: Limit) {
        self.0.rejections.count(limit);
    }

    /// Reads a gauge whenever it is asked for. A later one of the same name takes its place.
    pub(crate) fn read(
        &self,
        name: &'static str,
        help: &'static str,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.0.readings.add(name, help, value);
    }

    /// Includes whether a user function is connected to.
    pub(crate) fn include_link(&self, user_function: &dyn UserFunction) {
        // Without a connection there is none that could be lost.
        let link = user_function.link();
        self.read(
            "cloudstate_user_function_connected",
            "1 while there is a connection to the user function, which one in the same process needs not.",
            move || f64::from(link.as_ref().is_none_or(|link| link.borrow().up)),
        );
    }

    /// Includes what a store measures.
    pub(crate) fn include_store(&self, store: &dyn Store) {
        for collector in store.collectors() {
            if let Err(error) = self.0.registry.register(collector) {
                tracing::warn!(%error, "a metric is missing");
            }
        }
        let grown = store.grown();
        self.read(
            "cloudstate_store_position",
            "Position of the last event in the journal: how many there are.",
            move || *grown.borrow() as f64,
        );
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
