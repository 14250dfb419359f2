//! Rules of `#[event_handler]`.

use syn::{FnArg, ReturnType, Type, TypeReference, spanned::Spanned};

use super::signature::{self, Library, SelfKind, bare, typed};
use crate::{
    attrs::{self, Kind},
    errors::Errors,
    model::{EventArg, EventHandler},
    parse::Method,
    tokens::text,
};

/// The handler, if at least its event is known.
pub(super) fn event(
    method: &Method,
    library: Library<'_>,
    errors: &mut Errors,
) -> Option<EventHandler> {
    let signature = &method.signature;
    attrs::no_options(Kind::Event, &method.attribute, errors);
    signature::plain(Kind::Event, signature, errors);
    signature::no_repetition(
        Kind::Event,
        signature.inputs.iter().filter_map(typed),
        errors,
    );
    if let ReturnType::Type(_, ty) = &signature.output {
        errors.at(
            ty,
            "an event handler returns nothing: the event has happened; refuse in the command handler, before the `emit`",
        );
    }
    if !matches!(signature.inputs.first(), Some(FnArg::Receiver(_))) {
        errors.at(
            &signature.ident,
            "an event handler changes the state: write `&mut self` as its first parameter",
        );
    }

    let mut args = Vec::new();
    let mut event: Option<Type> = None;
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                if signature::self_kind(receiver) != SelfKind::Mutable {
                    errors.at(
                        receiver,
                        "an event handler changes the state: write `&mut self`",
                    );
                }
            }
            FnArg::Typed(input) => {
                let ty = bare(&input.ty);
                let span = ty.span();
                let (referent, by_ref) = match ty {
                    Type::Reference(TypeReference { elem, .. }) => (bare(elem), true),
                    ty => (ty, false),
                };
                if library.has(referent, "EventContext") {
                    args.push(EventArg::Context { by_ref, span });
                } else if library.has(referent, "EntityId") {
                    args.push(EventArg::EntityId { by_ref, span });
                } else if library.has(referent, "Context") {
                    errors.at(
                        ty,
                        "events are applied outside commands too: write `EventContext`",
                    );
                } else if event.is_some() {
                    errors.at(
                        ty,
                        "an event handler takes one event, and beside it at most `EventContext` and `EntityId`",
                    );
                } else {
                    if by_ref {
                        errors.at(
                            ty,
                            format!(
                                "an event handler owns the event: write `{}`, without the `&`",
                                text(referent)
                            ),
                        );
                    }
                    args.push(EventArg::Event(span));
                    event = Some(referent.clone());
                }
            }
        }
    }
    if event.is_none() {
        errors.at(
            &signature.ident,
            "which event does it apply? write `event: pb::YourEvent` as a parameter",
        );
    }
    Some(EventHandler {
        cfgs: method.cfgs.clone(),
        method: signature.ident.clone(),
        event: event?,
        args,
    })
}
