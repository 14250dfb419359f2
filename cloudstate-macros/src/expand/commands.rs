//! From a command to its handler.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Type, spanned::Spanned};

use super::{is_generic, local};
use crate::{
    model::{CommandArg, CommandHandler, Handlers, Place},
    tokens::mentions_self,
};

/// The list of rpcs with a handler in the block, as the constant `name`.
pub(super) fn handled(name: &str, model: &Handlers) -> TokenStream {
    let name = local(name, Span::call_site());
    let krate = &model.krate;
    let names = model.commands.iter().map(|handler| {
        let cfgs = &handler.cfgs;
        let marker = marker(model, handler);
        quote!(#(#cfgs)* #krate::__private::name_of(#marker))
    });
    quote! {
        const #name: &'static [&'static str] = &[#(#names),*];
    }
}

/// The choice of a handler by the command's name, as the function `name`.
pub(super) fn handle(name: &str, model: &Handlers) -> TokenStream {
    let name = local(name, Span::call_site());
    let krate = &model.krate;
    let arms = model.commands.iter().map(|handler| {
        let CommandHandler {
            cfgs,
            method,
            output,
            ..
        } = handler;
        let marker = marker(model, handler);
        let args = handler.args.iter().map(argument);
        let rpc = krate.at(handler.marker.span());
        let rpc =
            quote_spanned!(handler.marker.span()=> #rpc::__private::dispatch::<Self, _>(#marker));
        let answer = quote_spanned!(output.span()=> answer::<#output>);
        quote! {
            #(#cfgs)*
            if __command.is(#marker) {
                return #rpc.#answer(__context, __command, |__context, __call| {
                    Self::#method(#(#args),*)
                });
            }
        }
    });
    let complete = is_generic(model)
        .then(|| check(model, quote!(Self)))
        .flatten()
        .map(|check| quote!(const { #check };));
    let otherwise = match model.place {
        Place::First { of: 2.., .. } => {
            quote!(#krate::__private::handle_in_parts(__context, __command))
        }
        Place::First { .. } | Place::Part { .. } => quote!(#krate::handler::Handled::Unknown),
    };
    quote! {
        fn #name(
            __context: &mut #krate::Context<Self>,
            __command: #krate::handler::Command,
        ) -> #krate::handler::Handled {
            #complete
            #(#arms)*
            #otherwise
        }
    }
}

/// The constant of the service that names the handler's rpc: if there is none, the compiler says so at the method.
fn marker(model: &Handlers, handler: &CommandHandler) -> TokenStream {
    let marker = &handler.marker;
    let krate = model.krate.at(marker.span());
    quote_spanned!(marker.span()=> <<Self as #krate::Entity>::Service>::#marker)
}

fn argument(arg: &CommandArg) -> TokenStream {
    match *arg {
        CommandArg::State(span) => {
            let context = local("__context", span);
            quote_spanned!(span=> &**#context)
        }
        CommandArg::Context(span) => {
            let context = local("__context", span);
            quote_spanned!(span=> &mut *#context)
        }
        CommandArg::SharedContext(span) => {
            let context = local("__context", span);
            quote_spanned!(span=> &*#context)
        }
        CommandArg::Part(ref part) => {
            let call = local("__call", part.span());
            quote_spanned!(part.span()=> #call.take::<#part>())
        }
    }
}

/// See [`own_types`].
pub(super) fn check_arguments(model: &Handlers) -> TokenStream {
    let parts = model.commands.iter().map(|handler| {
        let parts = handler.args.iter().filter_map(CommandArg::part).collect();
        (handler.cfgs.as_slice(), parts)
    });
    own_types(model, parts)
}

/// A check that no handler takes a type twice under two names: the second argument would be an empty request.
///
/// Outside the `impl` block, its parameters and `Self` have no meaning; handlers with those go unchecked.
pub(super) fn own_types<'a>(
    model: &Handlers,
    handlers: impl Iterator<Item = (&'a [Attribute], Vec<&'a Type>)>,
) -> TokenStream {
    let checks = handlers.filter_map(|(cfgs, parts)| {
        if parts.len() < 2 || is_generic(model) || parts.iter().any(|part| mentions_self(part)) {
            return None;
        }
        let implementations = parts
            .iter()
            .map(|part| quote_spanned!(part.span()=> impl EachArgumentHasItsOwnType for #part {}));
        Some(quote! {
            #(#cfgs)*
            const _: () = {
                #[allow(dead_code, reason = "its implementations exclude each other; nothing calls it")]
                trait EachArgumentHasItsOwnType {}
                #(#implementations)*
            };
        })
    });
    quote!(#(#checks)*)
}

/// A check that every rpc has a handler, and none has two: for a generic entity whenever it is used, otherwise at once.
pub(super) fn check_complete(model: &Handlers) -> Option<TokenStream> {
    if is_generic(model) {
        return None;
    }
    let check = check(model, model.self_type.to_token_stream())?;
    Some(quote!(const _: () = #check;))
}

/// The first block answers for all of them.
fn check(model: &Handlers, entity: impl ToTokens) -> Option<TokenStream> {
    let Place::First { of, .. } = model.place else {
        return None;
    };
    let span = model.self_type.span();
    let krate = model.krate.at(span);
    match (model.partial, of) {
        (false, _) => Some(quote_spanned!(span=> #krate::__private::check_complete::<#entity>())),
        (true, 2..) => Some(quote_spanned!(span=> #krate::__private::check_once::<#entity>())),
        (true, _) => None,
    }
}
