//! Rules of `#[snapshot]` and `#[snapshot_handler]`.

use syn::{FnArg, ReturnType, Type};

use super::signature::{self, SelfKind, bare, typed};
use crate::{
    attrs::{self, Kind},
    errors::Errors,
    model::Snapshots,
    parse::Method,
    tokens::text,
};

/// The pair of methods, if both are there and sound.
pub(super) fn snapshots(methods: &[Method], errors: &mut Errors) -> Option<Snapshots> {
    let save = single(Kind::Snapshot, methods, errors);
    let restore = single(Kind::SnapshotHandler, methods, errors);
    let saved = save.and_then(|method| saved(method, errors));
    let restored = restore.and_then(|method| restored(method, errors));
    let (save, restore) = match (save, restore) {
        (Some(save), Some(restore)) => (save, restore),
        (Some(save), None) => {
            let ty = saved.map_or_else(|| "T".to_owned(), text);
            errors.at(
                &save.signature.ident,
                format!(
                    "a snapshot must be read back: write `#[snapshot_handler] fn restore(&mut self, saved: {ty})`"
                ),
            );
            return None;
        }
        (None, Some(restore)) => {
            let ty = restored.map_or_else(|| "T".to_owned(), text);
            errors.at(
                &restore.signature.ident,
                format!("nothing takes the snapshot: write `#[snapshot] fn save(&self) -> {ty}`"),
            );
            return None;
        }
        (None, None) => return None,
    };
    Some(Snapshots {
        cfgs: save.cfgs.iter().chain(&restore.cfgs).cloned().collect(),
        save: save.signature.ident.clone(),
        saved: saved?.clone(),
        restore: restore.signature.ident.clone(),
        restored: restored?.clone(),
    })
}

/// The one method of a kind; others are errors.
fn single<'a>(kind: Kind, methods: &'a [Method], errors: &mut Errors) -> Option<&'a Method> {
    let mut all = methods.iter().filter(|method| method.kind == kind);
    let first = all.next()?;
    for second in all {
        errors.at(
            &second.signature.ident,
            format!(
                "an entity has one {kind}, and `{}` is it: remove this one",
                first.signature.ident
            ),
        );
    }
    Some(first)
}

fn saved<'a>(method: &'a Method, errors: &mut Errors) -> Option<&'a Type> {
    let signature = &method.signature;
    common(method, errors);
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                if signature::self_kind(receiver) != SelfKind::Shared {
                    errors.at(receiver, "a snapshot only reads the state: write `&self`");
                }
            }
            FnArg::Typed(input) => errors.at(
                input,
                "a snapshot takes `&self` alone: remove this parameter",
            ),
        }
    }
    needs_self(method, "&self", errors);
    match &signature.output {
        ReturnType::Type(_, ty) => match bare(ty) {
            Type::Reference(reference) => {
                errors.at(
                    reference,
                    format!("a snapshot is a value: return `{}`", text(&reference.elem)),
                );
                Some(&reference.elem)
            }
            ty => Some(ty),
        },
        ReturnType::Default => {
            errors.at(
                &signature.ident,
                "a snapshot is what the method returns: write `-> pb::YourSnapshot`",
            );
            None
        }
    }
}

fn restored<'a>(method: &'a Method, errors: &mut Errors) -> Option<&'a Type> {
    let signature = &method.signature;
    common(method, errors);
    if let ReturnType::Type(_, ty) = &signature.output {
        errors.at(
            ty,
            "a snapshot handler returns nothing: remove the return type",
        );
    }
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first()
        && signature::self_kind(receiver) != SelfKind::Mutable
    {
        errors.at(
            receiver,
            "a snapshot handler replaces the state: write `&mut self`",
        );
    }
    needs_self(method, "&mut self", errors);
    let mut types = signature.inputs.iter().filter_map(typed);
    let Some(first) = types.next() else {
        errors.at(
            &signature.ident,
            "which snapshot does it restore? write `saved: pb::YourSnapshot` as a parameter",
        );
        return None;
    };
    for extra in types {
        errors.at(
            extra,
            "a snapshot handler takes the snapshot alone: remove this parameter",
        );
    }
    if let Type::Reference(reference) = first {
        errors.at(
            reference,
            format!(
                "a snapshot handler owns the snapshot: write `{}`, without the `&`",
                text(&reference.elem)
            ),
        );
    }
    Some(first)
}

fn common(method: &Method, errors: &mut Errors) {
    attrs::no_options(method.kind, &method.attribute, errors);
    signature::plain(method.kind, &method.signature, errors);
}

fn needs_self(method: &Method, receiver: &str, errors: &mut Errors) {
    let signature = &method.signature;
    if !matches!(signature.inputs.first(), Some(FnArg::Receiver(_))) {
        errors.at(
            &signature.ident,
            format!(
                "{} takes the state: write `{receiver}` as its first parameter",
                method.kind.noun()
            ),
        );
    }
}
