//! From a command to its handler.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::model::{CommandArg, CommandHandler, Handlers};

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
        let unary = quote_spanned!(output.span()=> #krate::handler::unary::<Self, _, #output>);
        quote! {
            #(#cfgs)*
            if __command.is(#marker) {
                return #unary(#marker, __context, __command, |__context, __call| {
                    Self::#method(#(#args),*)
                });
            }
        }
    });
    quote! {
        fn handle(
            __context: &mut #krate::Context<Self>,
            __command: #krate::handler::Incoming,
        ) -> #krate::handler::Handled {
            #(#arms)*
            #krate::handler::Handled::Unknown
        }
    }
}

/// The constant of the service that names the handler's rpc: if there is none, the compiler says so at the method.
fn marker(model: &Handlers, handler: &CommandHandler) -> TokenStream {
    let krate = &model.krate;
    let marker = &handler.marker;
    quote_spanned!(marker.span()=> <<Self as #krate::Entity>::Service>::#marker)
}

fn argument(model: &Handlers, arg: &CommandArg) -> TokenStream {
    let krate = &model.krate;
    match arg {
        CommandArg::State(span) => quote_spanned!(*span=> &**__context),
        CommandArg::Context(span) => quote_spanned!(*span=> &mut *__context),
        CommandArg::SharedContext(span) => quote_spanned!(*span=> &*__context),
        CommandArg::Part(part) => {
            quote_spanned!(part.span()=> <#part as #krate::handler::HandlerArg<_>>::take(__call))
        }
    }
}

/// A check that no rpc lacks a handler.
pub(super) fn check_complete(model: &Handlers) -> Option<TokenStream> {
    let Handlers {
        krate, self_type, ..
    } = model;
    if model.partial {
        return None;
    }
    Some(quote! {
        const _: () = #krate::__private::check_complete::<#self_type>();
    })
}
