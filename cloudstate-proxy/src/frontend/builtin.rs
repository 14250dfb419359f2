//! Services that every front-end has beside the user's: health and reflection.

mod reflection;

use bytes::Bytes;
use http::{Request, Response};
use tonic::{body::Body, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::pb::v1::server_reflection_server::ServerReflectionServer;
use tower::Service;

use crate::catalog::Catalog;
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
    /// Reports every service of the catalog, and the whole, as serving.
    pub(super) async fn new(catalog: &Catalog) -> Self {
        let (health, service) = tonic_health::server::health_reporter();
        for name in names(catalog) {
            health
                .set_service_status(name, ServingStatus::Serving)
                .await;
        }
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

    /// Reports everything as not serving, which ends what watches it.
    pub(super) async fn stop(&self, catalog: &Catalog) {
        for name in names(catalog) {
            self.health
                .set_service_status(name, ServingStatus::NotServing)
                .await;
        }
    }
}

/// The services by name; the empty name is the whole.
fn names(catalog: &Catalog) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(catalog.services.iter().map(|service| service.name.as_str()))
}
