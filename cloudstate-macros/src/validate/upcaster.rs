//! Rules of `#[upcaster]`, and the chains that upcasters make.

use syn::{Generics, Ident, ReturnType, Type};

use super::{
    block::{coexist, of_kind},
    signature::{self, bare, is_self, typed},
};
use crate::{
    attrs::{self, HandlersOptions, Kind},
    errors::Errors,
    model::{EventHandler, Snapshots, Upcast, Upcaster},
    parse::{Block, Method},
    tokens::{mentions_parameter, mentions_self, text},
};

/// The chains of a block's upcasters, by what they end at.
#[derive(Debug, Default)]
pub(super) struct Upcasts {
    pub(super) of_events: Vec<Upcast>,
    pub(super) of_snapshots: Vec<Upcast>,
    pub(super) of_whole: Vec<Upcast>,
}

/// From every older type the way to the type that is handled today.
pub(super) fn upcasts(
    options: &HandlersOptions,
    block: &Block,
    events: &[EventHandler],
    snapshots: Option<&Snapshots>,
    errors: &mut Errors,
) -> Upcasts {
    let upcasters = upcasters(block, events, snapshots, errors);
    let mut upcasts = Upcasts::default();
    // What a refused handler takes is not known, and so is not missing.
    let all_known = errors.is_empty();
    for first in &upcasters {
        let mut ways = Vec::new();
        follow(Upcast::new(first), &upcasters, &mut ways, errors);
        for way in ways {
            let is_event = events.iter().any(|handler| handler.event == way.new);
            let is_snapshot = snapshots.is_some_and(|snapshots| snapshots.restored == way.new);
            let is_whole = is_self(&way.new) || way.new == *block.item.self_ty;
            if !is_event && !is_snapshot && !is_whole && all_known {
                let new = text(&way.new);
                errors.at(
                    &way.new,
                    format!(
                        "nothing takes `{new}`: write an event handler, a snapshot handler or another upcaster for it \
                         in this block, and the type there as here"
                    ),
                );
            }
            if is_event {
                upcasts.of_events.push(way.clone());
            }
            if is_snapshot {
                upcasts.of_snapshots.push(way.clone());
            }
            if is_whole && options.part.is_some() {
                errors.at(
                    &way.new,
                    "upcasters of a state that is stored as a whole stand in the first block of handlers, the one \
                     without `part`: move this there",
                );
            } else if is_whole {
                upcasts.of_whole.push(way);
            }
        }
    }
    upcasts
}

/// Goes on where another upcaster takes what this way ends at.
fn follow(way: Upcast, upcasters: &[Upcaster], ways: &mut Vec<Upcast>, errors: &mut Errors) {
    let mut ends = true;
    for next in upcasters.iter().filter(|next| next.old == way.new) {
        ends = false;
        if way.methods.contains(&next.method) {
            // Reported once: by the circle's first upcaster, or by whoever leads into it.
            if next.method == way.methods[0] && is_first(&next.method, &way, upcasters) {
                let steps: Vec<_> = way
                    .methods
                    .iter()
                    .map(|method| format!("`{method}`"))
                    .collect();
                errors.at(
                    &next.method,
                    format!(
                        "upcasters lead to what is handled today, and these go round in a circle: {}; remove one",
                        steps.join(", ")
                    ),
                );
            }
            continue;
        }
        let mut longer = way.clone();
        longer.cfgs.extend(next.cfgs.iter().cloned());
        longer.methods.push(next.method.clone());
        longer.new = next.new.clone();
        follow(longer, upcasters, ways, errors);
    }
    if ends {
        ways.push(way);
    }
}

/// Whether of all upcasters of a circle this one is written first.
fn is_first(method: &Ident, way: &Upcast, upcasters: &[Upcaster]) -> bool {
    upcasters
        .iter()
        .find(|upcaster| way.methods.contains(&upcaster.method))
        .is_some_and(|first| first.method == *method)
}

fn upcasters(
    block: &Block,
    events: &[EventHandler],
    snapshots: Option<&Snapshots>,
    errors: &mut Errors,
) -> Vec<Upcaster> {
    let mut upcasters: Vec<Upcaster> = Vec::new();
    for method in of_kind(Kind::Upcaster, block) {
        let Some(upcaster) = upcaster(method, &block.item.generics, errors) else {
            continue;
        };
        let handled = events
            .iter()
            .find(|handler| handler.event == upcaster.old && coexist(&handler.cfgs, &upcaster.cfgs))
            .map(|handler| &handler.method)
            .or_else(|| {
                let snapshots = snapshots.filter(|snapshots| snapshots.restored == upcaster.old)?;
                Some(&snapshots.restore)
            });
        let same_type =
            |other: &&Upcaster| other.old == upcaster.old && coexist(&other.cfgs, &upcaster.cfgs);
        let old = text(&upcaster.old);
        if let Some(handler) = handled {
            errors.at(
                &upcaster.old,
                format!("`{old}` already has the handler `{handler}`, so the upcaster would never run: remove one"),
            );
        } else if let Some(first) = upcasters.iter().find(same_type) {
            errors.at(
                &upcaster.old,
                format!(
                    "`{old}` already has the upcaster `{}`: remove one",
                    first.method
                ),
            );
        } else {
            upcasters.push(upcaster);
        }
    }
    upcasters
}

fn upcaster(method: &Method, generics: &Generics, errors: &mut Errors) -> Option<Upcaster> {
    let signature = &method.signature;
    attrs::no_options(Kind::Upcaster, &method.attribute, errors);
    signature::plain(Kind::Upcaster, signature, errors);
    let mut old: Option<&Type> = None;
    for input in &signature.inputs {
        let Some(ty) = typed(input) else {
            errors.at(
                input,
                "an upcaster turns one type into another, and sees no state: remove `self`",
            );
            continue;
        };
        if old.is_some() {
            errors.at(
                ty,
                "an upcaster takes what was stored, and nothing else: remove this parameter",
            );
        } else if let Type::Reference(reference) = ty {
            errors.at(
                ty,
                format!(
                    "an upcaster owns what was stored: write `{}`, without the `&`",
                    text(&reference.elem)
                ),
            );
            old = Some(&reference.elem);
        } else {
            old = Some(ty);
        }
    }
    if old.is_none() {
        errors.at(
            &signature.ident,
            "what does the upcaster take? write the older type: `old: pb::YourOldEvent`",
        );
    }
    let new = match &signature.output {
        ReturnType::Type(_, ty) => Some(bare(ty)),
        ReturnType::Default => {
            errors.at(
                &signature.ident,
                "what does the upcaster make of it? write the newer type: `-> pb::YourEvent`",
            );
            None
        }
    };
    let (old, new) = (old?, new?);
    if old == new {
        errors.at(
            new,
            "an upcaster turns a type into another one: write the newer type",
        );
        return None;
    }
    // The older type's URL is a static, of which all instances of a generic entity have the same one.
    let is_generic = generics.type_params().count() + generics.const_params().count() > 0;
    for ty in [old, new] {
        if mentions_parameter(ty, generics) || is_generic && mentions_self(ty) {
            errors.at(
                ty,
                "what is stored is of one type, whatever the parameters of the entity: write a type without them",
            );
            return None;
        }
    }
    Some(Upcaster {
        cfgs: method.cfgs.clone(),
        method: signature.ident.clone(),
        old: old.clone(),
        new: new.clone(),
    })
}
