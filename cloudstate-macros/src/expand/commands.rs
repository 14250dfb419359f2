//! From a command to its handler.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, Type, spanned::Spanned};

use super::{is_generic, local};
use crate::{
    model::{CommandArg, CommandHandler, Handlers},
    tokens::mentions_self,
};

/// The list of rpcs with a handler.
pub(super) fn handled(model: &Handlers) -> TokenStream {
    let krate = &model.krate;
    let names = model.commands.iter().map(|handler| {
        let cfgs = &handler.cfgs;
        let marker = marker(model, handler);
        quote!(#(#cfgs)* #krate::__private::name_of(#marker))
    });
    quote! {
        const HANDLED: &'static [&'static str] = &[#(#names),*];
    }
}

/// The choice of a handler by the command's name.
pub(super) fn handle(model: &Handlers) -> TokenStream {
    let krate = &model.krate;
    let arms = model.commands.iter().map(|handler| {
        let CommandHandler {
            cfgs,
            method,
            output,
            ..
        } = handler;
        let marker = marker(model, handler);
        let args = handler.args.iter().map(|arg| argument(model, arg));
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
    let complete = (is_generic(model) && !model.partial)
        .then(|| quote!(const { #krate::__private::check_complete::<Self>() };));
    quote! {
        fn handle(
            __context: &mut #krate::Context<Self>,
            __command: #krate::handler::Incoming,
        ) -> #krate::handler::Handled {
            #complete
            #(#arms)*
            #krate::handler::Handled::Unknown
        }
    }
}

/// The constant of the service that names the handler's rpc: if there is none, the compiler says so at the method.
fn marker(model: &Handlers, handler: &CommandHandler) -> TokenStream {
    let marker = &handler.marker;
    let krate = model.krate.at(marker.span());
    quote_spanned!(marker.span()=> <<Self as #krate::Entity>::Service>::#marker)
}

fn argument(model: &Handlers, arg: &CommandArg) -> TokenStream {
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
            let krate = model.krate.at(part.span());
            quote_spanned!(part.span()=> <#part as #krate::handler::HandlerArg<_, _>>::take(#call))
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

/// A check that no rpc lacks a handler: for a generic entity whenever it is used, otherwise at once.
pub(super) fn check_complete(model: &Handlers) -> Option<TokenStream> {
    let Handlers {
        krate, self_type, ..
    } = model;
    if model.partial || is_generic(model) {
        return None;
    }
    let span = self_type.span();
    let krate = krate.at(span);
    let check = quote_spanned!(span=> #krate::__private::check_complete::<#self_type>());
    Some(quote!(const _: () = #check;))
}
