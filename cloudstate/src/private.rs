//! What the macros' code names and nobody else does; it changes without notice.

use crate::{
    Any, Entity, EventSourcedEntity, Handlers, Payload, ReplayError, Rpc, Service, Snapshots,
    service::Method,
};

pub use crate::registry::Registration;
pub use bytestring::ByteString;
pub use inventory;

/// Implemented for a service by each entity on it, so that a second one does not compile.
pub trait ServedByOneEntity: Service {}

/// Name of the rpc, as the `.proto` has it.
pub const fn name_of<R: Rpc>(_rpc: R) -> &'static str {
    R::NAME
}

/// Compiles for entities with snapshots.
pub const fn takes_snapshots<E: Snapshots>() {}

/// Whether the type URL of `any` names the same type as `type_url`; what stands before its `/` does not count.
pub fn has_type(any: &Any, type_url: &str) -> bool {
    any.type_name() == type_name(type_url)
}

/// Whether `any` is a snapshot of `E`.
pub fn is_snapshot_of<E: Snapshots>(any: &Any) -> bool {
    has_type(any, &E::Snapshot::type_url())
}

fn type_name(type_url: &str) -> &str {
    type_url.split_once('/').map_or(type_url, |(_, name)| name)
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
        entity: std::any::type_name::<E>(),
        kind,
        type_url: any.type_url.clone(),
    }
}

/// Fails to compile unless every rpc of the service has a handler.
#[track_caller]
pub const fn check_complete<E: Handlers>() {
    let methods = <<E as Entity>::Service as Service>::METHODS;
    let mut index = 0;
    while index < methods.len() {
        if !contains(E::HANDLED, methods[index].name) {
            panic!("missing");
        }
        index += 1;
    }
    let _: &[Method] = methods;
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut index = 0;
    while index < names.len() {
        if equal(names[index].as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}
