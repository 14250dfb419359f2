//! What goes to the compiler when something is wrong: the user's item, the errors, and implementations that do nothing,
//! so that one mistake is one error.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use crate::{errors::Errors, model::Handlers};

/// An item as it is, after the errors.
pub(crate) fn item(tokens: &TokenStream, errors: &Errors) -> TokenStream {
    let errors = errors.to_tokens();
    quote!(#errors #tokens)
}

/// Errors of a block, and every implementation that other code may rely on.
pub(crate) fn handlers(model: &Handlers, errors: &Errors) -> TokenStream {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let errors = errors.to_tokens();
    if model.is_action {
        return quote! {
            #errors
            #[automatically_derived]
            impl #impl_generics #krate::action::CallHandlers for #self_type #bounds {
                const HANDLED: &'static [&'static str] = &[];
                fn call(
                    self: #krate::__private::Arc<Self>,
                    __call: #krate::action::Invocation,
                ) -> ::core::result::Result<#krate::action::Answers, #krate::action::CallError> {
                    ::core::result::Result::Err(__call.unhandled::<Self>())
                }
            }
        };
    }
    let mut any_event = model.generics.clone();
    any_event
        .params
        .push(parse_quote!(__Event: #krate::Payload));
    let (any_event, _, _) = any_event.split_for_impl();
    let snapshots = model.has_snapshots.then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Snapshots for #self_type #bounds {
                type Snapshot = ();
                fn save(&self) {}
                fn restore(&mut self, (): ()) {}
            }
        }
    });
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics #krate::Handlers for #self_type #bounds {
            const HANDLED: &'static [&'static str] = &[];
            fn handle(
                _: &mut #krate::Context<Self>,
                _: #krate::handler::Incoming,
            ) -> #krate::handler::Handled {
                #krate::handler::Handled::Unknown
            }
            fn replay(
                &mut self,
                _: &#krate::Any,
                _: &#krate::EventContext<'_>,
            ) -> ::core::result::Result<(), #krate::ReplayError> {
                ::core::result::Result::Ok(())
            }
            fn take_snapshot(&self) -> ::core::option::Option<#krate::Any> {
                ::core::option::Option::None
            }
            fn restore_snapshot(
                &mut self,
                _: &#krate::Any,
            ) -> ::core::result::Result<(), #krate::ReplayError> {
                ::core::result::Result::Ok(())
            }
        }
        // Of every event, because the mistake may be why an event's handler is not known.
        #[automatically_derived]
        impl #any_event #krate::Handles<__Event> for #self_type #bounds {
            fn type_url() -> &'static #krate::__private::ByteString {
                ::core::unreachable!()
            }
            fn apply(&mut self, _: __Event, _: &#krate::EventContext<'_>) {}
        }
        #snapshots
    }
}
