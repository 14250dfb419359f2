//! One router after the other: what a successor takes over, and what comes to an end.

use std::sync::{Arc, PoisonError};

use futures_util::future::join_all;

use super::{Common, Host, Router, Shared};
use crate::{
    action::Actions,
    call::CallError,
    catalog::{Catalog, Service},
    entity::{Entities, LiveEntities},
    settings::Settings,
    store::Store,
};

/// Entities that a successor does not serve, or not as they are.
#[derive(Debug)]
pub(crate) struct Leaving(Vec<Entities>);

impl Leaving {
    /// Lets them finish what they have begun, and waits until the last one has left memory. Commands that reach one of
    /// them from now on are answered `UNAVAILABLE`.
    pub(crate) async fn retire(&self) {
        join_all(self.0.iter().map(Entities::retire)).await;
    }
}

impl Router {
    /// A router for what is served from now on. Entities of a service that stays as it is stay where they are; the others
    /// are to be retired before the successor gets calls, so that no entity is live twice.
    pub(crate) fn succeed(
        &self,
        catalog: Catalog,
        store: &Arc<dyn Store>,
        settings: &Settings,
    ) -> (Self, Leaving) {
        let common = Arc::clone(self.common());
        let hosts = common.hosts(&catalog, &self.shared.hosts, store, settings);
        let leaving = self.leaving(&hosts);
        (
            Self::last_in_line(Arc::new(catalog), hosts, common),
            leaving,
        )
    }

    /// A router for the same services, which answers every call with this error.
    pub(crate) fn refuse(&self, error: &CallError) -> (Self, Leaving) {
        let refused = |_: &Host| Host::Refused(error.clone());
        let hosts = self.shared.hosts.iter().map(refused).collect();
        let leaving = self.leaving(&[]);
        let (catalog, common) = (&self.shared.catalog, self.common());
        (
            Self::last_in_line(Arc::clone(catalog), hosts, Arc::clone(common)),
            leaving,
        )
    }

    pub(super) fn last_in_line(
        catalog: Arc<Catalog>,
        hosts: Vec<Host>,
        common: Arc<Common>,
    ) -> Self {
        let shared = Arc::new(Shared {
            catalog,
            hosts,
            common,
        });
        let mut current = shared
            .common
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::downgrade(&shared);
        drop(current);
        Self { shared }
    }

    fn leaving(&self, successors: &[Host]) -> Leaving {
        let stays = |entities: &Entities| {
            let service = entities.service();
            let of_successors = successors.iter().filter_map(Host::entities);
            of_successors
                .map(Entities::service)
                .any(|other| other == service)
        };
        let entities = self.shared.hosts.iter().filter_map(Host::entities);
        Leaving(
            entities
                .filter(|entities| !stays(entities))
                .cloned()
                .collect(),
        )
    }
}

impl Common {
    /// The hosts of a catalog: those of its services that are among `before` already, and new ones.
    pub(super) fn hosts(
        &self,
        catalog: &Catalog,
        before: &[Host],
        store: &Arc<dyn Store>,
        settings: &Settings,
    ) -> Vec<Host> {
        let host = |service: &Arc<Service>| {
            let mut entities = before.iter().filter_map(Host::entities);
            if let Some(entities) = entities.find(|entities| entities.service() == &**service) {
                return Host::Entities(entities.clone());
            }
            let entities = self.metrics.entities(service).and_then(|meters| {
                let population = self.population.clone();
                let live = LiveEntities::new(Arc::clone(service), settings, population, meters);
                Entities::new(live, &self.user_function, store, settings)
            });
            match entities {
                Some(entities) => Host::Entities(entities),
                None => {
                    let user_function = Arc::clone(&self.user_function);
                    let meters = self.metrics.action(service);
                    Host::Actions(Arc::new(Actions::new(user_function, settings, meters)))
                }
            }
        };
        catalog.services.iter().map(host).collect()
    }

    /// The last router in line, for as long as there is one.
    pub(super) fn router(&self) -> Option<Router> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let shared = current.upgrade()?;
        Some(Router { shared })
    }
}

impl Host {
    fn entities(&self) -> Option<&Entities> {
        match self {
            Self::Entities(entities) => Some(entities),
            Self::Actions(_) | Self::Refused(_) => None,
        }
    }
}
