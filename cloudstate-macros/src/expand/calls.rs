//! From a call to its handler.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{commands::own_types, is_generic, local};
use crate::model::{CallArg, CallHandler, Handlers};

/// `CallHandlers`, and the checks that need types.
pub(super) fn implementation(model: &Handlers) -> TokenStream {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let names = model.calls.iter().map(|handler| {
        let cfgs = &handler.cfgs;
        let marker = marker(model, handler);
        quote!(#(#cfgs)* #krate::__private::name_of(#marker))
    });
    let arms = model.calls.iter().map(|handler| arm(model, handler));
    let parts = model.calls.iter().map(|handler| {
        let parts = handler.args.iter().filter_map(CallArg::part).collect();
        (handler.cfgs.as_slice(), parts)
    });
    let arguments = own_types(model, parts);
    let complete = check_complete(model);
    let complete_when_used = (is_generic(model) && !model.partial)
        .then(|| quote!(const { #krate::__private::check_calls_complete::<Self>() };));
    quote! {
        #[automatically_derived]
        #[allow(deprecated, reason = "a handler may be deprecated for other callers")]
        impl #impl_generics #krate::action::CallHandlers for #self_type #bounds {
            const HANDLED: &'static [&'static str] = &[#(#names),*];

            fn call(
                self: #krate::__private::Arc<Self>,
                __call: #krate::action::Invocation,
            ) -> ::core::result::Result<#krate::action::Answers, #krate::action::CallError> {
                #complete_when_used
                let __action = self;
                #(#arms)*
                ::core::result::Result::Err(__call.unhandled::<Self>())
            }
        }
        #arguments
        #complete
    }
}

fn arm(model: &Handlers, handler: &CallHandler) -> TokenStream {
    let CallHandler {
        cfgs,
        method,
        output,
        ..
    } = handler;
    let span = handler.marker.span();
    let marker = marker(model, handler);
    let krate = model.krate.at(span);
    let dispatch = quote_spanned!(span=> #krate::action::dispatch_call(#marker).run);
    let args = handler.args.iter().map(argument);
    let wait = handler.is_async.then(|| quote_spanned!(*output=> .await));
    let reply = local("__reply", *output);
    let answer = local("__answer", *output);
    // In a block of its own, because the compiler would point from an identifier of ours to the whole attribute.
    let answer = quote_spanned!(*output=> #answer.answer({ #reply }).await);
    quote! {
        #(#cfgs)*
        if __call.is(#marker) {
            return #dispatch(__call, move |mut __call, __answer| async move {
                let #reply = Self::#method(#(#args),*) #wait;
                #answer
            });
        }
    }
}

/// The constant of the service that names the handler's rpc: if there is none, the compiler says so at the method.
fn marker(model: &Handlers, handler: &CallHandler) -> TokenStream {
    let marker = &handler.marker;
    let krate = model.krate.at(marker.span());
    quote_spanned!(marker.span()=> <<Self as #krate::Action>::Service>::#marker)
}

fn argument(arg: &CallArg) -> TokenStream {
    match arg {
        CallArg::Action(span) => {
            let action = local("__action", *span);
            quote_spanned!(*span=> &*#action)
        }
        CallArg::Part(part) => {
            let call = local("__call", part.span());
            quote_spanned!(part.span()=> #call.take::<#part>())
        }
    }
}

/// A check that no rpc lacks a handler, at once; for a generic action it comes with its use.
fn check_complete(model: &Handlers) -> Option<TokenStream> {
    let Handlers {
        krate, self_type, ..
    } = model;
    if model.partial || is_generic(model) {
        return None;
    }
    let span = self_type.span();
    let krate = krate.at(span);
    let check = quote_spanned!(span=> #krate::__private::check_calls_complete::<#self_type>());
    Some(quote!(const _: () = #check;))
}
