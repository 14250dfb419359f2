//! The answer to a proxy's discovery.

use cloudstate_protocol::{
    cloudstate::{
        Entity, EntityPassivationStrategy, EntitySpec, ProxyInfo, ServiceInfo,
        TimeoutPassivationStrategy, entity_passivation_strategy::Strategy,
    },
    version,
};

use crate::{
    Result,
    descriptors::DescriptorSet,
    error::Kind,
    registry::{EntityType, Registry},
};

const LIBRARY_NAME: &str = "cloudstate-rust";
const LIBRARY_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What these entities are to a proxy.
pub(crate) fn spec(registry: &Registry, name: String, version: String) -> Result<EntitySpec> {
    let mut descriptors = DescriptorSet::default();
    for entity in registry.entities() {
        descriptors
            .add(entity.descriptor_set())
            .map_err(|source| Kind::Descriptors {
                service: entity.service(),
                entity: entity.type_name(),
                source_location: entity.source().into(),
                source,
            })?;
        if !descriptors.defines(entity.service()) {
            let kind = Kind::ShadowedFile {
                service: entity.service(),
                entity: entity.type_name(),
                source_location: entity.source().into(),
            };
            return Err(kind.into());
        }
    }
    Ok(EntitySpec {
        proto: descriptors.into_bytes(),
        entities: registry.entities().map(entity).collect(),
        service_info: Some(ServiceInfo {
            service_name: name,
            service_version: version,
            service_runtime: "Rust".into(),
            support_library_name: LIBRARY_NAME.into(),
            support_library_version: LIBRARY_VERSION.into(),
            protocol_major_version: version::MAJOR,
            protocol_minor_version: version::MINOR,
        }),
    })
}

/// Where this proxy cannot serve what `spec` has, in words.
pub(crate) fn problems(spec: &EntitySpec, proxy: &ProxyInfo) -> Vec<String> {
    let mut problems = Vec::new();
    let theirs = (proxy.protocol_major_version, proxy.protocol_minor_version);
    if theirs != (version::MAJOR, version::MINOR) {
        problems.push(format!(
            "the proxy speaks protocol {}.{}, this program {}.{}: use versions of both that agree",
            theirs.0,
            theirs.1,
            version::MAJOR,
            version::MINOR
        ));
    }
    for entity in &spec.entities {
        if !proxy.supported_entity_types.contains(&entity.entity_type) {
            problems.push(format!(
                "the proxy does not support entity type {}, which service {} is: enable it there",
                entity.entity_type, entity.service_name
            ));
        }
    }
    problems
}

fn entity(entity: &EntityType) -> Entity {
    let strategy = entity.passivate_after().map(|timeout| {
        let timeout = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        Strategy::Timeout(TimeoutPassivationStrategy { timeout })
    });
    Entity {
        entity_type: entity.entity_type().into(),
        service_name: entity.service().into(),
        persistence_id: entity.persistence_id().into(),
        passivation_strategy: strategy.map(|strategy| EntityPassivationStrategy {
            strategy: Some(strategy),
        }),
    }
}
