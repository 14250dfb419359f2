//! Services that every front-end has beside the user's: health and reflection.

mod reflection;

use bytes::Bytes;
use http::{Request, Response};
use tonic::{body::Body, service::Routes};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tonic_reflection::pb::v1::server_reflection_server::ServerReflectionServer;
use tower::Service;

use crate::{catalog::Catalog, readiness::Able};
use reflection::Reflection;

/// What their full names begin with. A user's service of such a name would not be reached.
const NAMES: [&str; 2] = ["/grpc.health.", "/grpc.reflection."];

/// Answers health checks and reflection.
#[derive(Debug)]
pub(super) struct Builtin {
    routes: Routes,
    /// Reflection in its earlier version.
    v1alpha: ServerReflectionServer<Reflection>,
    health: HealthReporter,
}

impl Builtin {
    /// Reports the services of the catalog, and the whole, as they are.
    pub(super) async fn new(catalog: &Catalog, able: Able) -> Self {
        let builtin = Self::with(HealthReporter::new(), catalog);
        builtin.set_able(catalog, able).await;
        builtin
    }

    /// The same for another catalog. Whoever watches the health of a service goes on doing so.
    pub(super) async fn succeed(&self, from: &Catalog, to: &Catalog) -> Self {
        let mut health = self.health.clone();
        for name in names(from).filter(|name| names(to).all(|other| other != *name)) {
            health.clear_service_status(name).await;
        }
        Self::with(health, to)
    }

    fn with(health: HealthReporter, catalog: &Catalog) -> Self {
        let service = HealthServer::new(HealthService::from_health_reporter(health.clone()));
        let (v1, v1alpha) = reflection::servers(catalog);
        Self {
            routes: Routes::new(service).add_service(v1).prepare(),
            v1alpha,
            health,
        }
    }

    /// Whether a gRPC path is one of theirs.
    pub(super) fn serves(path: &str) -> bool {
        NAMES.iter().any(|name| path.starts_with(name))
    }

    /// Answers a request for one of them.
    pub(super) async fn answer<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        let answer = if reflection::from_v1alpha(&mut request) {
            self.v1alpha.clone().call(request).await
        } else {
            self.routes.clone().call(request.map(Body::new)).await
        };
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Reports each service as serving or not, and the whole, which serves when all of them do.
    pub(super) async fn set_able(&self, catalog: &Catalog, able: Able) {
        let services = catalog.services.iter();
        let services = services.map(|service| (service.name.as_str(), able.serve(service.kind)));
        for (name, serves) in std::iter::once(("", able.all())).chain(services) {
            let status = if serves {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            self.health.set_service_status(name, status).await;
        }
    }
}

/// The services by name; the empty name is the whole.
fn names(catalog: &Catalog) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(catalog.services.iter().map(|service| service.name.as_str()))
}
