//! From a stored or emitted event to its handler.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::model::{EventArg, EventHandler, Handlers};

/// The choice of a handler by the stored event's type.
pub(super) fn replay(model: &Handlers) -> TokenStream {
    let krate = &model.krate;
    let arms = model.events.iter().map(|EventHandler { cfgs, event, .. }| {
        quote! {
            #(#cfgs)*
            if #krate::__private::has_type(__event, <Self as #krate::Handles<#event>>::type_url()) {
                let __event = #krate::__private::decode(__event, "event")?;
                <Self as #krate::Handles<#event>>::apply(self, __event, __context);
                return ::core::result::Result::Ok(());
            }
        }
    });
    quote! {
        fn replay(
            &mut self,
            __event: &#krate::Any,
            __context: &#krate::EventContext<'_>,
        ) -> ::core::result::Result<(), #krate::ReplayError> {
            #(#arms)*
            ::core::result::Result::Err(#krate::__private::no_handler::<Self>(__event, "event"))
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
        quote! {
            #(#cfgs)*
            #[automatically_derived]
            impl #impl_generics #krate::Handles<#event> for #self_type #bounds {
                fn type_url() -> &'static #krate::__private::ByteString {
                    static URL: ::std::sync::OnceLock<#krate::__private::ByteString> =
                        ::std::sync::OnceLock::new();
                    URL.get_or_init(<#event as #krate::Payload>::type_url)
                }

                fn apply(&mut self, __event: #event, __context: &#krate::EventContext<'_>) {
                    Self::#method(self, #(#args),*)
                }
            }
        }
    });
    quote!(#(#implementations)*)
}

fn argument(arg: &EventArg) -> TokenStream {
    match *arg {
        EventArg::Event(span) => quote_spanned!(span=> __event),
        EventArg::Context { by_ref: true, span } => quote_spanned!(span=> __context),
        EventArg::Context { span, .. } => quote_spanned!(span=> *__context),
        EventArg::EntityId { by_ref: true, span } => quote_spanned!(span=> __context.entity_id()),
        EventArg::EntityId { span, .. } => {
            quote_spanned!(span=> ::core::clone::Clone::clone(__context.entity_id()))
        }
    }
}
