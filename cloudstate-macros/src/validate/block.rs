//! Rules between the methods of a block.

use proc_macro2::Span;
use syn::{Attribute, Ident};

use super::{
    call::call, command::command, event::event, signature::Library, snapshot::snapshots,
    upcaster::upcasts,
};
use crate::{
    attrs::{BlockNumber, CratePath, HandlersOptions, Kind, PathOption},
    errors::Errors,
    model::{CallHandler, CommandHandler, EventHandler, Handlers, Place},
    parse::{Block, Method},
    tokens::{mentions_parameter, mentions_self, text},
};

/// The handlers of a block: those that are sound, and as much as is known of the others.
pub(crate) fn handlers(
    options: &HandlersOptions,
    krate: CratePath,
    block: &Block,
    errors: &mut Errors,
) -> Handlers {
    let library = Library {
        krate: options.krate.as_ref().map(|PathOption(path)| path),
    };
    let commands = commands(block, library, errors);
    let events = events(block, library, errors);
    let snapshots = snapshots(&block.methods, errors);
    let upcasts = upcasts(options, block, &events, snapshots.as_ref(), errors);
    let calls = calls(block, library, errors);
    of_one_kind(block, errors);
    let place = place(options, block, errors);
    Handlers {
        krate,
        generics: block.item.generics.clone(),
        self_type: (*block.item.self_ty).clone(),
        partial: options.partial.is_present(),
        place,
        commands,
        events,
        snapshots,
        event_upcasts: upcasts.of_events,
        snapshot_upcasts: upcasts.of_snapshots,
        whole_upcasts: upcasts.of_whole,
        is_action: of_kind(Kind::Call, block).next().is_some(),
        calls,
        has_snapshots: block
            .methods
            .iter()
            .any(|method| matches!(method.kind, Kind::Snapshot | Kind::SnapshotHandler)),
    }
}

/// The block's place, and what only the first block has.
fn place(options: &HandlersOptions, block: &Block, errors: &mut Errors) -> Place {
    let HandlersOptions { part, parts, .. } = options;
    let Some(option) = part.as_ref().or(parts.as_ref()) else {
        return Place::First {
            of: 1,
            span: Span::call_site(),
        };
    };
    let (BlockNumber(number), span) = (**option, option.span());
    let mut refuse = |span, message: &str| errors.push(syn::Error::new(span, message));
    if of_kind(Kind::Call, block).next().is_some() {
        refuse(
            span,
            "the call handlers of an action stand in one block: remove this",
        );
    }
    if part.is_none() {
        return Place::First { of: number, span };
    }
    if let Some(parts) = parts {
        refuse(
            parts.span(),
            "the first block says how many there are: remove `parts` here, or `part` if this is the first",
        );
    }
    if options.partial.is_present() {
        refuse(
            options.partial.span(),
            "the first block speaks for all: write `partial` above the one without `part`",
        );
    }
    let is_of_snapshots =
        |method: &&Method| matches!(method.kind, Kind::Snapshot | Kind::SnapshotHandler);
    if let Some(method) = block.methods.iter().find(is_of_snapshots) {
        refuse(
            method.signature.ident.span(),
            "the snapshot methods of an entity stand in its first block of handlers, the one without `part`: move them there",
        );
    }
    Place::Part { number, span }
}

/// A block is an entity's or an action's.
fn of_one_kind(block: &Block, errors: &mut Errors) {
    let Some(call) = of_kind(Kind::Call, block).next() else {
        return;
    };
    if let Some(other) = block
        .methods
        .iter()
        .find(|method| method.kind != Kind::Call)
    {
        errors.at(
            &other.signature.ident,
            format!(
                "`{}` handles calls of an action, which has no state and no commands; an entity's handlers stand in a \
                 block of their own: remove {} here",
                call.signature.ident, other.kind
            ),
        );
    }
}

fn calls(block: &Block, library: Library<'_>, errors: &mut Errors) -> Vec<CallHandler> {
    let mut calls: Vec<CallHandler> = Vec::new();
    for method in of_kind(Kind::Call, block) {
        let Some(handler) = call(method, library, errors) else {
            continue;
        };
        let same_rpc = |other: &&CallHandler| {
            other.marker == handler.marker && coexist(&other.cfgs, &handler.cfgs)
        };
        match calls.iter().find(same_rpc) {
            Some(first) => handled_twice(&handler.marker, &handler.method, &first.method, errors),
            None => calls.push(handler),
        }
    }
    calls
}

fn handled_twice(marker: &Ident, method: &Ident, first: &Ident, errors: &mut Errors) {
    errors.at(
        method,
        format!(
            "rpc `{marker}` already has the handler `{first}`: remove one, or name another rpc by `name = \"..\"`"
        ),
    );
}

fn commands(block: &Block, library: Library<'_>, errors: &mut Errors) -> Vec<CommandHandler> {
    let mut commands: Vec<CommandHandler> = Vec::new();
    for method in of_kind(Kind::Command, block) {
        let Some(handler) = command(method, library, errors) else {
            continue;
        };
        let same_rpc = |other: &&CommandHandler| {
            other.marker == handler.marker && coexist(&other.cfgs, &handler.cfgs)
        };
        match commands.iter().find(same_rpc) {
            Some(first) => handled_twice(&handler.marker, &handler.method, &first.method, errors),
            None => commands.push(handler),
        }
    }
    commands
}

fn events(block: &Block, library: Library<'_>, errors: &mut Errors) -> Vec<EventHandler> {
    let mut events: Vec<EventHandler> = Vec::new();
    for method in of_kind(Kind::Event, block) {
        let Some(handler) = event(method, library, errors) else {
            continue;
        };
        // Its type URL is a static, of which all instances of a generic type have the same one.
        let generics = &block.item.generics;
        let is_generic = generics.type_params().count() + generics.const_params().count() > 0;
        if mentions_parameter(&handler.event, generics)
            || is_generic && mentions_self(&handler.event)
        {
            errors.at(
                &handler.event,
                "an event is of one type, whatever the parameters of the entity: write a type without them",
            );
            continue;
        }
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
    events
}

/// Whether two methods may exist in one build. Whether two different conditions may both hold is the compiler's to say.
pub(super) fn coexist(one: &[Attribute], other: &[Attribute]) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

pub(super) fn of_kind(kind: Kind, block: &Block) -> impl Iterator<Item = &Method> {
    block
        .methods
        .iter()
        .filter(move |method| method.kind == kind)
}
