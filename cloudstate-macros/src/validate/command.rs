//! Rules of `#[command_handler]`.

use heck::ToSnakeCase;
use syn::{
    FnArg, Ident, PatType, Receiver, ReturnType, Type, TypeReference, ext::IdentExt, parse::Parser,
    parse_quote_spanned, spanned::Spanned,
};

use super::signature::{self, Library, SelfKind, bare, typed};
use crate::{
    attrs::{self, Kind, RpcOptions},
    errors::Errors,
    model::{CommandArg, CommandHandler},
    parse::Method,
    tokens::text,
};

/// The handler, if at least its rpc is known.
pub(super) fn command(
    method: &Method,
    library: Library<'_>,
    errors: &mut Errors,
) -> Option<CommandHandler> {
    let signature = &method.signature;
    signature::plain(Kind::Command, signature, errors);
    signature::no_repetition(
        Kind::Command,
        signature
            .inputs
            .iter()
            .filter_map(typed)
            .filter(|ty| !is_context(ty, library)),
        errors,
    );
    let mut args = Args::default();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => args.receiver(receiver, errors),
            FnArg::Typed(input) => args.typed(input, library, errors),
        }
    }
    let output = match &signature.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => parse_quote_spanned!(signature.ident.span()=> ()),
    };
    Some(CommandHandler {
        cfgs: method.cfgs.clone(),
        method: signature.ident.clone(),
        marker: marker(method, errors)?,
        args: args.args,
        output,
    })
}

/// The rpc's constant: what `name` says, or else the method's name, in upper camel case.
pub(super) fn marker(method: &Method, errors: &mut Errors) -> Option<Ident> {
    let ident = &method.signature.ident;
    let tokens = attrs::options_of(method.kind, &method.attribute, errors);
    let options: RpcOptions = attrs::read(tokens, errors);
    let (name, span) = match options.name {
        Some(name) => ((*name).clone(), name.span()),
        None => (ident.unraw().to_string(), ident.span()),
    };
    let is_name = Ident::parse_any.parse_str(&name).is_ok();
    match syn::parse_str::<Ident>(&upper_camel(&name.to_snake_case())) {
        Ok(mut marker) if is_name => {
            marker.set_span(span);
            Some(marker)
        }
        Ok(_) | Err(_) => {
            errors.push(syn::Error::new(
                span,
                format!(
                    "not the name of an rpc: write `#[{}(name = \"AddItem\")]`, with the name as the `.proto` has it",
                    method.kind.name()
                ),
            ));
            None
        }
    }
}

/// `add_item` -> `AddItem`, as `cloudstate_build` names the constants.
fn upper_camel(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split('_') {
        let mut chars = word.chars();
        camel.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(chars.as_str());
    }
    match camel.as_str() {
        "Self" => "Self_".to_owned(),
        _ => camel,
    }
}

fn is_context(ty: &Type, library: Library<'_>) -> bool {
    match ty {
        Type::Reference(TypeReference { elem, .. }) => library.has(elem, "Context"),
        ty => library.has(ty, "Context"),
    }
}

#[derive(Default)]
struct Args {
    args: Vec<CommandArg>,
    receiver: bool,
    context: bool,
}

impl Args {
    fn receiver(&mut self, receiver: &Receiver, errors: &mut Errors) {
        self.receiver = true;
        self.args.push(CommandArg::State(receiver.span()));
        match signature::self_kind(receiver) {
            SelfKind::Shared => {}
            SelfKind::Mutable => errors.at(
                receiver,
                "a command handler changes the state through the context, or by the events that it emits: write \
                 `context: &mut Context<Self>`; to only read it write `&self`",
            ),
            SelfKind::Value => errors.at(
                receiver,
                "a command handler borrows the state: write `&self`, or `context: &mut Context<Self>` to change it",
            ),
        }
    }

    fn typed(&mut self, input: &PatType, library: Library<'_>, errors: &mut Errors) {
        match bare(&input.ty) {
            ty if is_context(ty, library) => self.context(ty, errors),
            Type::Reference(reference) => errors.at(
                reference,
                format!(
                    "a command handler owns its arguments: write `{}`, without the `&`",
                    text(&reference.elem)
                ),
            ),
            ty => self.args.push(CommandArg::Part(Box::new(ty.clone()))),
        }
    }

    fn context(&mut self, ty: &Type, errors: &mut Errors) {
        let span = ty.span();
        match ty {
            Type::Reference(reference) if reference.mutability.is_some() => {
                self.args.push(CommandArg::Context(span));
            }
            Type::Reference(_) => self.args.push(CommandArg::SharedContext(span)),
            ty => errors.at(ty, "the context is borrowed: write `&mut Context<Self>`"),
        }
        if self.receiver {
            errors.at(
                ty,
                "the context already gives access to the state: remove `&self`, and read the state through the context",
            );
        } else if self.context {
            errors.at(ty, "a command handler has one context: remove this one");
        }
        self.context = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_in_upper_camel_case() {
        for (name, marker) in [
            ("add_item", "AddItem"),
            ("getCart", "GetCart"),
            ("GetCart", "GetCart"),
            ("self_", "Self_"),
            ("get_v2", "GetV2"),
            ("type", "Type"),
            ("_1", "1"),
            ("__", ""),
            ("HTTPGet", "HttpGet"),
            ("handleUnary", "HandleUnary"),
        ] {
            assert_eq!(upper_camel(&name.to_snake_case()), marker, "{name}");
        }
    }
}
