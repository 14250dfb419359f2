//! What all annotated methods have in common.

use syn::{FnArg, Ident, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type};

use crate::{attrs::Kind, errors::Errors, tokens::text};

/// How a method takes the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SelfKind {
    /// `&self`
    Shared,
    /// `&mut self`
    Mutable,
    /// Anything else with the name `self`.
    Value,
}

pub(super) fn self_kind(receiver: &Receiver) -> SelfKind {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => SelfKind::Shared,
        ReceiverKind::Reference(_, _, Some(_)) => SelfKind::Mutable,
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) if is_named(&reference.elem, "Self") => {
                if reference.mutability.is_some() {
                    SelfKind::Mutable
                } else {
                    SelfKind::Shared
                }
            }
            _ => SelfKind::Value,
        },
        _ => SelfKind::Value,
    }
}

/// Refuses what no handler can be: it is called once per message, in order, and its types are those of the `.proto`.
pub(super) fn plain(kind: Kind, signature: &Signature, errors: &mut Errors) {
    let noun = kind.noun();
    if let Some(token) = &signature.asyncness {
        errors.at(
            token,
            format!(
                "{noun} is not async: it only computes, and the entity waits for it; remove `async`"
            ),
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.at(token, format!("{noun} is a safe function: remove `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, format!("{noun} is a Rust function: remove the ABI"));
    }
    if !signature.generics.params.is_empty() {
        errors.at(
            &signature.generics.params,
            format!("{noun} has no generic parameters: write the types and lifetimes out"),
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.at(
            clause,
            format!("{noun} has no `where` clause: bounds belong to the `impl` block"),
        );
    }
    for ty in signature.inputs.iter().filter_map(typed) {
        no_impl_trait(kind, ty, errors);
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        no_impl_trait(kind, ty, errors);
    }
}

fn no_impl_trait(kind: Kind, ty: &Type, errors: &mut Errors) {
    if let Type::ImplTrait(ty) = ty {
        let noun = kind.noun();
        errors.at(
            ty,
            format!("{noun} names its types: write the type instead of `impl ..`"),
        );
    }
}

/// The type of an argument other than `self`.
pub(super) fn typed(arg: &FnArg) -> Option<&Type> {
    match arg {
        FnArg::Typed(arg) => Some(bare(&arg.ty)),
        FnArg::Receiver(_) => None,
    }
}

/// The type without the invisible group that a `macro_rules!` puts around it.
pub(super) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// Whether the last name of a type's path is `name`.
pub(super) fn is_named(ty: &Type, name: &str) -> bool {
    last_name(ty).is_some_and(|last| last == name)
}

fn last_name(ty: &Type) -> Option<&Ident> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        _ => None,
    }
}

/// Reports the second of two types that are written alike.
pub(super) fn no_repetition<'a>(
    kind: Kind,
    types: impl Iterator<Item = &'a Type>,
    errors: &mut Errors,
) {
    let noun = kind.noun();
    let mut seen: Vec<&Type> = Vec::new();
    for ty in types {
        if seen.contains(&ty) {
            errors.at(
                ty,
                format!(
                    "{noun} already has an argument of type `{}`: arguments are told apart by type, so remove one",
                    text(ty)
                ),
            );
        }
        seen.push(ty);
    }
}
