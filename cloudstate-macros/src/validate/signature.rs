//! What all annotated methods have in common.

use syn::{FnArg, Ident, Path, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type};

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
            Type::Reference(reference) if is_self(&reference.elem) => {
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
    let is_call = kind == Kind::Call;
    if let Some(token) = signature.asyncness.as_ref().filter(|_| !is_call) {
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
    if let ReturnType::Type(_, ty) = &signature.output
        && !is_call
    {
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

pub(super) fn is_self(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.is_ident("Self"))
}

/// Tells the library's types from others of the same name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library<'a> {
    /// Where the crate is, if an option says so.
    pub(super) krate: Option<&'a Path>,
}

impl Library<'_> {
    /// Whether a type is the library's type `name`: written alone, or with a path from the crate.
    ///
    /// In another module it is another type: a `.proto` may well have a message `EntityId`.
    pub(super) fn has(self, ty: &Type, name: &str) -> bool {
        let Type::Path(path) = bare(ty) else {
            return false;
        };
        let mut segments = path.path.segments.iter().map(|segment| &segment.ident);
        let is_last = segments.next_back().is_some_and(|last| last == name);
        let renamed = self.krate.and_then(|krate| krate.segments.last());
        let from_crate = |segment: &Ident| {
            segment == "cloudstate" || renamed.is_some_and(|renamed| *segment == renamed.ident)
        };
        is_last && (segments.len() == 0 || segments.any(from_crate))
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

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn types_of_the_library_are_told_from_others_of_the_same_name() {
        let renamed: Path = parse_quote!(crate::sdk);
        let plain = Library { krate: None };
        let library = Library {
            krate: Some(&renamed),
        };
        let types: [(Type, bool, bool); 7] = [
            (parse_quote!(EntityId), true, true),
            (parse_quote!(cloudstate::EntityId), true, true),
            (parse_quote!(::cloudstate::prelude::EntityId), true, true),
            (parse_quote!(sdk::EntityId), false, true),
            (parse_quote!(crate::sdk::EntityId), false, true),
            (parse_quote!(pb::EntityId), false, false),
            (parse_quote!(cloudstate::Metadata), false, false),
        ];
        for (ty, by_default, with_option) in types {
            assert_eq!(plain.has(&ty, "EntityId"), by_default, "{}", text(&ty));
            assert_eq!(library.has(&ty, "EntityId"), with_option, "{}", text(&ty));
        }
    }
}
