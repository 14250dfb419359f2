//! The service under test, found by discovery.

use std::{rc::Rc, time::Duration};

use cloudstate_protocol::{
    cloudstate::{EntitySpec, ProxyInfo, entity_discovery_client::EntityDiscoveryClient},
    version,
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{
    Status,
    transport::{self, Channel, Endpoint},
};

use crate::text::Descriptors;

/// How long a service may take to answer its first discovery call.
pub const START_PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two attempts to reach a service that is starting.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);

/// A service that has answered discovery.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) channel: Channel,
    pub(crate) descriptors: Rc<Descriptors>,
    address: String,
    spec: Rc<EntitySpec>,
}

/// Why a service was not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The address is no `HOST:PORT`.
    #[error("{address:?} is not the address of a service; write HOST:PORT, such as 127.0.0.1:8080")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nothing listens there, or it speaks something else than HTTP/2.
    #[error("no gRPC service can be reached at {address}: {}", with_causes(source))]
    Unreachable {
        /// What was given.
        address: String,
        /// What the transport says.
        source: transport::Error,
    },
    /// The service did not answer `cloudstate.EntityDiscovery/discover` with OK.
    #[error(
        "the service at {address} did not answer discovery: {:?} {:?}", status.code(), status.message()
    )]
    Refused {
        /// What was given.
        address: String,
        /// What it answered.
        status: Box<Status>,
    },
    /// The service did not answer in time.
    #[error("the service at {address} did not answer discovery within {ATTEMPT:?}")]
    Silent {
        /// What was given.
        address: String,
    },
}

impl Service {
    /// Asks the service at `HOST:PORT` what it serves, again and again until it answers or [`START_PATIENCE`] is over.
    ///
    /// # Errors
    /// What was wrong with the last attempt.
    pub async fn wait_for(address: &str) -> Result<Self, DiscoveryError> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            match Self::discover(address).await {
                Err(DiscoveryError::Address { address }) => {
                    return Err(DiscoveryError::Address { address });
                }
                Err(_) if Instant::now() < deadline => sleep(RETRY_EVERY).await,
                result => return result,
            }
        }
    }

    /// Asks the service at `HOST:PORT` what it serves, once, as a proxy that supports every kind of entity.
    ///
    /// # Errors
    /// The service cannot be reached or does not answer with OK.
    pub async fn discover(address: &str) -> Result<Self, DiscoveryError> {
        let address = address.to_owned();
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .ok()
            .filter(|endpoint| endpoint.uri().port().is_some());
        let Some(endpoint) = endpoint else {
            return Err(DiscoveryError::Address { address });
        };
        let deadline = Instant::now() + ATTEMPT;
        let attempt = async {
            let channel = match endpoint.connect_timeout(ATTEMPT).connect().await {
                Ok(channel) => channel,
                Err(source) => {
                    let address = address.clone();
                    return Err(DiscoveryError::Unreachable { address, source });
                }
            };
            let mut client = EntityDiscoveryClient::new(channel.clone());
            match client.discover(proxy_info()).await {
                Ok(spec) => Ok(Self::new(address.clone(), channel, spec.into_inner())),
                Err(status) => Err(DiscoveryError::Refused {
                    address: address.clone(),
                    status: status.into(),
                }),
            }
        };
        match timeout_at(deadline, attempt).await {
            Ok(result) => result,
            Err(_) => Err(DiscoveryError::Silent { address }),
        }
    }

    fn new(address: String, channel: Channel, spec: EntitySpec) -> Self {
        Self {
            channel,
            descriptors: Rc::new(Descriptors::new(&spec.proto)),
            address,
            spec: Rc::new(spec),
        }
    }

    /// Where the service was found, as `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the service answered.
    pub fn spec(&self) -> &EntitySpec {
        &self.spec
    }

    /// Whether an entity of this service is announced.
    pub fn serves(&self, service_name: &str) -> bool {
        let entities = &self.spec.entities;
        entities
            .iter()
            .any(|entity| entity.service_name == service_name)
    }

    /// Full names of the services that the descriptor set declares; none if it cannot be read.
    pub fn declared_services(&self) -> Vec<String> {
        declared_services(&self.spec)
    }
}

pub(crate) fn declared_services(spec: &EntitySpec) -> Vec<String> {
    let set = FileDescriptorSet::decode(&*spec.proto).unwrap_or_default();
    let mut names = Vec::new();
    for file in &set.file {
        for service in &file.service {
            names.push(match file.package() {
                "" => service.name().to_owned(),
                package => format!("{package}.{}", service.name()),
            });
        }
    }
    names
}

fn proxy_info() -> ProxyInfo {
    let supported = [
        version::ACTION,
        version::CRDT,
        version::EVENT_SOURCED,
        version::VALUE_ENTITY,
    ];
    ProxyInfo {
        protocol_major_version: version::MAJOR,
        protocol_minor_version: version::MINOR,
        proxy_name: env!("CARGO_PKG_NAME").into(),
        proxy_version: env!("CARGO_PKG_VERSION").into(),
        supported_entity_types: supported.map(Into::into).into(),
    }
}

/// The transport's own text says no more than "transport error".
fn with_causes(error: &transport::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
