//! Rules of `#[call_handler]`.

use syn::{FnArg, PatType, Receiver, ReturnType, Type, TypeReference, spanned::Spanned};

use super::{
    command::marker,
    signature::{self, Library, SelfKind, bare, typed},
};
use crate::{
    attrs::Kind,
    errors::Errors,
    model::{CallArg, CallHandler},
    parse::Method,
    tokens::text,
};

/// The handler, if at least its rpc is known.
pub(super) fn call(
    method: &Method,
    library: Library<'_>,
    errors: &mut Errors,
) -> Option<CallHandler> {
    let signature = &method.signature;
    signature::plain(Kind::Call, signature, errors);
    signature::no_repetition(
        Kind::Call,
        signature.inputs.iter().filter_map(typed),
        errors,
    );
    let args = signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Receiver(receiver) => Some(action(receiver, errors)),
            FnArg::Typed(input) => part(input, library, errors),
        })
        .collect();
    let output = match &signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => signature.ident.span(),
    };
    Some(CallHandler {
        cfgs: method.cfgs.clone(),
        method: signature.ident.clone(),
        marker: marker(method, errors)?,
        args,
        is_async: signature.asyncness.is_some(),
        output,
    })
}

fn action(receiver: &Receiver, errors: &mut Errors) -> CallArg {
    if signature::self_kind(receiver) != SelfKind::Shared {
        errors.at(
            receiver,
            "an action serves many calls at once: write `&self`; what changes belongs into an entity, or behind a lock",
        );
    }
    CallArg::Action(receiver.span())
}

fn part(input: &PatType, library: Library<'_>, errors: &mut Errors) -> Option<CallArg> {
    let ty = bare(&input.ty);
    let referent = match ty {
        Type::Reference(TypeReference { elem, .. }) => bare(elem),
        ty => ty,
    };
    if library.has(referent, "Context") {
        errors.at(
            ty,
            "an action has no context: write `&self`, and add side effects to the `Reply` that it returns",
        );
        return None;
    }
    if library.has(referent, "EntityId") {
        errors.at(
            ty,
            "an action is no entity and has no id: remove this parameter",
        );
        return None;
    }
    if let Type::Reference(reference) = ty {
        errors.at(
            reference,
            format!(
                "a call handler owns its arguments: write `{}`, without the `&`",
                text(&reference.elem)
            ),
        );
        return None;
    }
    Some(CallArg::Part(Box::new(ty.clone())))
}
