//! Asks the user function what it serves, until it answers, and checks the answer.

use std::{hash::BuildHasher, time::Duration};

use cloudstate_protocol::{
    cloudstate::{EntitySpec, ProxyInfo},
    version,
};
use futures_util::future::pending;
use tokio::{sync::watch, time::sleep};

use crate::{
    catalog::{Catalog, EntityKind, SpecError},
    user_function::{Link, UserFunction, UserFunctionError},
};

/// Shortest and longest pause between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What a user function answered.
#[derive(Debug)]
pub struct Discovered {
    /// What it serves.
    pub catalog: Catalog,
    /// Its name, or the last part of its first service's name where it has none.
    pub name: String,
    /// The answer itself.
    pub(crate) announced: Announced,
}

/// An answer, and the connection over which it came.
#[derive(Debug)]
pub(crate) struct Announced {
    pub(crate) spec: EntitySpec,
    pub(crate) link: Option<Link>,
}

/// Discovers the user function, however long it takes to come up, and checks its specification.
///
/// # Errors
/// The specification cannot be served. The user function has been told.
pub async fn discover(user_function: &dyn UserFunction) -> Result<Discovered, SpecError> {
    let announced = ask(user_function, |_| {}).await;
    let spec = &announced.spec;
    match Catalog::new(spec) {
        Ok(catalog) => {
            let info = spec.service_info.as_ref();
            let name = match info.map(|info| &*info.service_name) {
                None | Some("") => short_name(&catalog),
                Some(name) => name.to_owned(),
            };
            Ok(Discovered {
                catalog,
                name,
                announced,
            })
        }
        Err(error) => {
            user_function.report_error(error.to_string()).await;
            Err(error)
        }
    }
}

/// Asks until there is an answer. `failed` is told of each attempt that fails.
pub(crate) async fn ask(
    user_function: &dyn UserFunction,
    failed: impl Fn(&UserFunctionError),
) -> Announced {
    let mut link = user_function.link();
    let mut pause = BACKOFF.0;
    loop {
        match user_function.discover(proxy_info()).await {
            Ok(spec) => {
                let link = link.as_ref().map(|link| *link.borrow());
                return Announced { spec, link };
            }
            Err(error) => {
                failed(&error);
                let retry_in = jitter(pause);
                tracing::warn!(%error, ?retry_in, "the user function cannot be discovered yet");
                tokio::select! {
                    () = sleep(retry_in) => {}
                    () = redialled(link.as_mut()) => {}
                }
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
}
/// Completes when somebody else's call has made a connection.
async fn redialled(link: Option<&mut watch::Receiver<Link>>) {
    if let Some(link) = link {
        let made = link.borrow().made;
        if link.wait_for(|link| link.made > made).await.is_ok() {
            return;
        }
    }
    pending::<()>().await;
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
