//! How proxy and service find out about each other.

use std::collections::BTreeSet;

use cloudstate_protocol::version;

use crate::{
    case::{Case, Fixture, check_equal},
    failure::{Failure, Verdict},
};

const KINDS: [&str; 4] = [
    version::ACTION,
    version::CRDT,
    version::EVENT_SOURCED,
    version::VALUE_ENTITY,
];

/// The case of the group "verifying discovery protocol".
pub(in crate::cases) fn cases() -> Vec<Case> {
    vec![Case::proxied(
        "verifying discovery protocol",
        "verify proxy info and entity discovery",
        &[],
        async |tck| {
            proxy_tells_of_itself(tck)?;
            service_declares_what_it_announces(tck)
        },
    )]
}

fn proxy_tells_of_itself(tck: &Fixture) -> Verdict {
    let info = tck.proxy()?.info();
    let version = (info.protocol_major_version, info.protocol_minor_version);
    let expected = (version::MAJOR, version::MINOR);
    check_equal("the proxy's protocol version", &expected, &version)?;
    let kinds = &info.supported_entity_types;
    let sorted: BTreeSet<_> = kinds.iter().map(String::as_str).collect();
    let complete = sorted == BTreeSet::from(KINDS) && kinds.len() == KINDS.len();
    if complete {
        return Ok(());
    }
    Err(
        Failure::new("the proxy's supported_entity_types are not the four kinds, each once")
            .detail("expected", KINDS.map(str::to_owned))
            .detail("received", kinds.iter().cloned()),
    )
}

fn service_declares_what_it_announces(tck: &Fixture) -> Verdict {
    let spec = tck.proxy()?.spec();
    let declared = crate::service::declared_services(spec);
    for entity in &spec.entities {
        let name = &entity.service_name;
        if !declared.contains(name) {
            return Err(Failure::new(format!(
                "service {name} is not declared in the descriptor set (EntitySpec.proto)"
            ))
            .detail("declared services", declared));
        }
    }
    Ok(())
}
