//! What the macros' code calls beside the public API.

use std::any;

use crate::{Any, EventSourcedEntity, Payload, ReplayError, Service, Snapshots};

/// Implemented for a service by the entity on it, so that a second entity does not compile.
pub trait ServedByOneEntity: Service {}

/// Compiles for entities with snapshots.
pub fn takes_snapshots<E: Snapshots>() {}

/// Whether `any` has the type of `type_url`; what stands before the `/` does not count.
pub fn has_type(any: &Any, type_url: &str) -> bool {
    let name = type_url.split_once('/').map_or(type_url, |(_, name)| name);
    any.type_name() == name
}

/// Whether `any` is a snapshot of `E`.
pub fn is_snapshot_of<E: Snapshots>(any: &Any) -> bool {
    has_type(any, &E::Snapshot::type_url())
}

/// A value as it is stored.
pub fn encode<P: Payload>(value: &P) -> Any {
    Any {
        type_url: P::type_url(),
        value: value.encode(),
    }
}

/// The stored value.
///
/// # Errors
/// The bytes are not such a value.
pub fn decode<P: Payload>(any: &Any, kind: &'static str) -> Result<P, ReplayError> {
    P::decode(any.value.clone()).map_err(|source| ReplayError::Decode {
        kind,
        type_url: any.type_url.clone(),
        source,
    })
}

/// Says that `E` has no handler for what is stored.
pub fn no_handler<E: EventSourcedEntity>(any: &Any, kind: &'static str) -> ReplayError {
    ReplayError::NoHandler {
        entity: any::type_name::<E>(),
        kind,
        type_url: any.type_url.clone(),
    }
}
