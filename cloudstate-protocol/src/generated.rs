//! Generated from `proto/`; `UPDATE_GENERATED=1 cargo test -p cloudstate-protocol --test generated` writes it anew.
#![allow(
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic
)]

/// Package `cloudstate`: discovery and what all entity types share.
pub mod cloudstate {
    include!("generated/cloudstate.rs");

    /// Package `cloudstate.action`.
    pub mod action {
        include!("generated/cloudstate.action.rs");
    }
    /// Package `cloudstate.crdt`.
    pub mod crdt {
        include!("generated/cloudstate.crdt.rs");
    }
    /// Package `cloudstate.eventsourced`.
    pub mod eventsourced {
        include!("generated/cloudstate.eventsourced.rs");
    }
    /// Package `cloudstate.valueentity`.
    pub mod valueentity {
        include!("generated/cloudstate.valueentity.rs");
    }
}

/// Packages under `google`.
pub mod google {
    /// Package `google.api`: how rpcs look over HTTP.
    pub mod api {
        include!("generated/google.api.rs");
    }
}
