//! Services that every front-end has beside the user's: health and reflection.

use bytes::Bytes;
use http::{Request, Response};
use tonic::{body::Body, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::{Builder, Error};
use tower::Service;

use crate::catalog::Catalog;

/// What their full names begin with. A user's service of such a name would not be reached.
const NAMES: [&str; 2] = ["/grpc.health.", "/grpc.reflection."];

/// Answers health checks and reflection.
#[derive(Debug)]
pub(super) struct Builtin {
    routes: Routes,
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
        let mut routes = Routes::new(service);
        match add_reflection(routes.clone(), catalog) {
            Ok(both) => routes = both,
            // The services themselves are as good as ever.
            Err(error) => {
                tracing::warn!(%error, "there is no reflection: the descriptors cannot be indexed");
            }
        }
        Self {
            routes: routes.prepare(),
            health,
        }
    }

    /// Whether a gRPC path is one of theirs.
    pub(super) fn serves(path: &str) -> bool {
        NAMES.iter().any(|name| path.starts_with(name))
    }

    /// Answers a request for one of them.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    {
        let mut routes = self.routes.clone();
        match routes.call(request.map(Body::new)).await {
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

/// Adds reflection in both its versions. Only the catalog's services are listed; what they are made of can be asked for.
fn add_reflection(routes: Routes, catalog: &Catalog) -> Result<Routes, Error> {
    let descriptors = catalog.descriptors.encode_to_vec();
    let builder = || {
        let builder = Builder::configure().register_encoded_file_descriptor_set(&descriptors);
        catalog.services.iter().fold(builder, |builder, service| {
            builder.with_service_name(&service.name)
        })
    };
    let (v1, v1alpha) = (builder().build_v1()?, builder().build_v1alpha()?);
    Ok(routes.add_service(v1).add_service(v1alpha))
}
