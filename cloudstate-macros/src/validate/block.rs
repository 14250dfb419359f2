//! Rules between the methods of a block.

use syn::Attribute;

use super::{
    command::command,
    event::event,
    generics,
    signature::{Library, text},
    snapshot::snapshots,
};
use crate::{
    attrs::{CratePath, HandlersOptions, Kind, PathOption},
    errors::Errors,
    model::{CommandHandler, EventHandler, Handlers},
    parse::{Block, Method},
};

/// The handlers of a block: those that are sound, and as much as is known of the others.
pub(crate) fn handlers(options: &HandlersOptions, block: &Block, errors: &mut Errors) -> Handlers {
    let krate = options.krate.as_ref();
    let library = Library {
        krate: krate.map(|PathOption(path)| path),
    };
    let mut commands: Vec<CommandHandler> = Vec::new();
    for method in of_kind(Kind::Command, block) {
        let handler = command(method, library, errors);
        let same_rpc = |other: &&CommandHandler| {
            other.marker == handler.marker && coexist(&other.cfgs, &handler.cfgs)
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
        let Some(handler) = event(method, library, errors) else {
            continue;
        };
        generics::one_stored_type(&handler.event, &block.item.generics, errors);
        let same_event = |other: &&EventHandler| {
            other.event == handler.event && coexist(&other.cfgs, &handler.cfgs)
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
        krate: CratePath::new(options.krate.clone()),
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

/// Whether two methods may exist in one build. Whether two different conditions may both hold is the compiler's to say.
fn coexist(one: &[Attribute], other: &[Attribute]) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

fn of_kind(kind: Kind, block: &Block) -> impl Iterator<Item = &Method> {
    block
        .methods
        .iter()
        .filter(move |method| method.kind == kind)
}
