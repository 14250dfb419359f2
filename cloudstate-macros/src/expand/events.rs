//! From a stored or emitted event to its handler.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{local, upcasts};
use crate::model::{EventArg, EventHandler, Handlers, Place};

/// The choice of a handler by the stored event's type, as the function `name`.
pub(super) fn replay(name: &str, model: &Handlers) -> TokenStream {
    let name = local(name, Span::call_site());
    let krate = &model.krate;
    let arms = model.events.iter().map(|EventHandler { cfgs, event, .. }| {
        let krate = krate.at(event.span());
        let replay = quote_spanned!(event.span()=> #krate::__private::replay::<Self, #event>);
        quote! {
            #(#cfgs)*
            if let ::core::option::Option::Some(__result) = #replay(self, __event, __context) {
                return __result;
            }
        }
    });
    let older = upcasts::of_events(model);
    let otherwise = match model.place {
        Place::First { of: 2.., .. } => {
            quote!(#krate::__private::replay_in_parts(self, __event, __context))
        }
        Place::First { .. } | Place::Part { .. } => quote! {
            ::core::result::Result::Err(#krate::__private::no_handler::<Self>(__event, "event"))
        },
    };
    quote! {
        fn #name(
            &mut self,
            __event: &#krate::Any,
            __context: &#krate::EventContext<'_>,
        ) -> ::core::result::Result<(), #krate::ReplayError> {
            #(#arms)*
            #older
            #otherwise
        }
    }
}

/// An implementation of `Handles` for each event.
pub(super) fn implementations(model: &Handlers) -> TokenStream {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let implementations = model.events.iter().map(|handler| {
        let EventHandler {
            cfgs,
            method,
            event,
            ..
        } = handler;
        let args = handler.args.iter().map(argument);
        let handles = krate.at(event.span());
        let handles = quote_spanned!(event.span()=> #handles::Handles<#event>);
        let codec = krate.at(event.span());
        let codec = quote_spanned!(event.span()=> #codec::EventCodec::<#event>::new());
        quote! {
            #(#cfgs)*
            #[automatically_derived]
            #[allow(deprecated, reason = "a handler may be deprecated for other callers")]
            impl #impl_generics #handles for #self_type #bounds {
                fn codec() -> &'static #krate::EventCodec<#event> {
                    static CODEC: #krate::EventCodec<#event> = #codec;
                    &CODEC
                }

                fn apply(&mut self, __event: #event, __context: &#krate::EventContext<'_>) {
                    Self::#method(self, #(#args),*)
                }
            }
        }
    });
    let older = upcasts::marks(model);
    quote!(#(#implementations)* #older)
}

fn argument(arg: &EventArg) -> TokenStream {
    let (EventArg::Event(span) | EventArg::Context { span, .. } | EventArg::EntityId { span, .. }) =
        *arg;
    let (event, context) = (local("__event", span), local("__context", span));
    match arg {
        EventArg::Event(_) => quote!(#event),
        EventArg::Context { by_ref: true, .. } => quote!(#context),
        EventArg::Context { .. } => quote_spanned!(span=> *#context),
        EventArg::EntityId { by_ref: true, .. } => quote_spanned!(span=> #context.entity_id()),
        EventArg::EntityId { .. } => {
            quote_spanned!(span=> ::core::clone::Clone::clone(#context.entity_id()))
        }
    }
}
