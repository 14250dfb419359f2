//! Asks the user function what it serves, until it answers.

use std::{hash::BuildHasher, time::Duration};

use cloudstate_protocol::{cloudstate::ProxyInfo, version};

use crate::{
    catalog::{Catalog, EntityKind, SpecError},
    user_function::UserFunction,
};

/// Shortest and longest pause between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What a user function answered.
#[derive(Debug)]
pub struct Discovered {
    /// What it serves.
    pub catalog: Catalog,
    /// Its name, or the last part of its first service's name where it has none.
    pub name: String,
}

/// Discovers the user function, however long it takes to come up, and checks its specification.
///
/// # Errors
/// The specification cannot be served. The user function has been told.
pub async fn discover(user_function: &dyn UserFunction) -> Result<Discovered, SpecError> {
    let mut pause = BACKOFF.0;
    let spec = loop {
        match user_function.discover(proxy_info()).await {
            Ok(spec) => break spec,
            Err(error) => {
                tracing::warn!(%error, retry_in = ?pause, "the user function cannot be discovered yet");
                tokio::time::sleep(jitter(pause)).await;
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    };
    match Catalog::new(&spec) {
        Ok(catalog) => {
            let announced = spec
                .service_info
                .map(|info| info.service_name)
                .unwrap_or_default();
            let name = if announced.is_empty() {
                short_name(&catalog)
            } else {
                announced
            };
            Ok(Discovered { catalog, name })
        }
        Err(error) => {
            user_function.report_error(error.to_string()).await;
            Err(error)
        }
    }
}

fn proxy_info() -> ProxyInfo {
    ProxyInfo {
        protocol_major_version: version::MAJOR,
        protocol_minor_version: version::MINOR,
        proxy_name: env!("CARGO_PKG_NAME").into(),
        proxy_version: env!("CARGO_PKG_VERSION").into(),
        supported_entity_types: EntityKind::SUPPORTED
            .iter()
            .copied()
            .map(String::from)
            .collect(),
    }
}

fn short_name(catalog: &Catalog) -> String {
    let full = catalog
        .services
        .first()
        .map_or("service", |service| service.name.as_str());
    full.rsplit('.').next().unwrap_or(full).to_lowercase()
}

/// Up to a fifth more, so that many proxies do not knock at the same moment.
fn jitter(pause: Duration) -> Duration {
    let random = std::hash::RandomState::new().hash_one(pause);
    pause + pause.mul_f64((random % 1000) as f64 / 5000.0)
}
