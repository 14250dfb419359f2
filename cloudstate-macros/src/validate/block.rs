//! Rules between the methods of a block.

use super::{command::command, event::event, signature::text, snapshot::snapshots};
use crate::{
    attrs::{HandlersOptions, Kind, crate_path},
    errors::Errors,
    model::{CommandHandler, EventHandler, Handlers},
    parse::{Block, Method},
};

/// The handlers of a block: those that are sound, and as much as is known of the others.
pub(crate) fn handlers(options: &HandlersOptions, block: &Block, errors: &mut Errors) -> Handlers {
    let mut commands: Vec<CommandHandler> = Vec::new();
    for method in of_kind(Kind::Command, block) {
        let handler = command(method, errors);
        let same_rpc = |other: &&CommandHandler| {
            other.marker == handler.marker && other.cfgs.is_empty() && handler.cfgs.is_empty()
        };
        match commands.iter().find(same_rpc) {
            Some(first) => errors.at(
                &handler.method,
                format!(
                    "rpc `{}` already has the handler `{}`: remove one, or name another rpc by `name = \"..\"`",
                    handler.marker, first.method
                ),
            ),
            None => commands.push(handler),
        }
    }

    let mut events: Vec<EventHandler> = Vec::new();
    for method in of_kind(Kind::Event, block) {
        let Some(handler) = event(method, errors) else {
            continue;
        };
        let same_event = |other: &&EventHandler| {
            other.event == handler.event && other.cfgs.is_empty() && handler.cfgs.is_empty()
        };
        match events.iter().find(same_event) {
            Some(first) => errors.at(
                &handler.event,
                format!(
                    "event `{}` already has the handler `{}`: remove one",
                    text(&handler.event),
                    first.method
                ),
            ),
            None => events.push(handler),
        }
    }

    Handlers {
        krate: crate_path(options.krate.as_ref()),
        generics: block.item.generics.clone(),
        self_type: (*block.item.self_ty).clone(),
        partial: options.partial.is_present(),
        commands,
        events,
        snapshots: snapshots(&block.methods, errors),
        has_snapshots: block
            .methods
            .iter()
            .any(|method| matches!(method.kind, Kind::Snapshot | Kind::SnapshotHandler)),
    }
}

fn of_kind(kind: Kind, block: &Block) -> impl Iterator<Item = &Method> {
    block
        .methods
        .iter()
        .filter(move |method| method.kind == kind)
}
