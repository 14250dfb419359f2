//! The names that a file with an entity imports: `use cloudstate::prelude::*;`

pub use crate::{
    CloudEvent, Context, EntityId, EventContext, Failure, Forward, Metadata, Reply, SideEffect,
    command_handler, ensure, event_handler, event_sourced_entity, handlers, snapshot,
    snapshot_handler,
};
