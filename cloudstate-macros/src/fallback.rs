//! What goes to the compiler when something is wrong: the user's item, the errors, and implementations that do nothing,
//! so that one mistake is one error.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse_quote;

use crate::{
    errors::Errors,
    expand,
    model::{Handlers, Place},
};

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
    if model.is_action && matches!(model.place, Place::Part { .. }) {
        // The other block, which is the whole, has the implementation.
        return errors;
    }
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
    let announced = expand::announced(model);
    let implementation = match expand::part(model) {
        Some(part) => quote! {
            impl #impl_generics #krate::__private::#part for #self_type #bounds {
                const HANDLED_HERE: &'static [&'static str] = &[];
                const IS_SOUND: bool = false;
                fn handle_here(
                    _: &mut #krate::Context<Self>,
                    _: #krate::handler::Command,
                ) -> #krate::handler::Handled {
                    #krate::handler::Handled::Unknown
                }
                fn replay_here(
                    &mut self,
                    _: &#krate::Any,
                    _: &#krate::EventContext<'_>,
                ) -> ::core::result::Result<(), #krate::ReplayError> {
                    ::core::result::Result::Ok(())
                }
            }
        },
        None => quote! {
            impl #impl_generics #krate::Handlers for #self_type #bounds {
                const HANDLED: &'static [&'static str] = &[];
                fn handle(
                    _: &mut #krate::Context<Self>,
                    _: #krate::handler::Command,
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
        },
    };
    let events = events(model);
    let snapshots = snapshots(model);
    quote! {
        #errors
        #[automatically_derived]
        #implementation
        #announced
        #events
        #snapshots
    }
}

/// Handlers of every event, because the mistake may be why an event's handler is not known. Of a block among others they
/// would contradict those of the others: there they are of the events that are known.
fn events(model: &Handlers) -> TokenStream {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let handles = |impl_generics: TokenStream, event: TokenStream| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Handles<#event> for #self_type #bounds {
                fn codec() -> &'static #krate::EventCodec<#event> {
                    ::core::unreachable!()
                }
                fn apply(&mut self, _: #event, _: &#krate::EventContext<'_>) {}
            }
        }
    };
    if model.is_one_of_several() {
        let known = model.events.iter().map(|handler| {
            let cfgs = &handler.cfgs;
            let handles = handles(
                impl_generics.to_token_stream(),
                handler.event.to_token_stream(),
            );
            quote!(#(#cfgs)* #handles)
        });
        return quote!(#(#known)*);
    }
    let mut any_event = model.generics.clone();
    any_event.params.push(parse_quote!(__Event: 'static));
    let (any_event, _, _) = any_event.split_for_impl();
    handles(any_event.to_token_stream(), quote!(__Event))
}

/// A pair of snapshot methods that do nothing, if there is a method of one.
fn snapshots(model: &Handlers) -> Option<TokenStream> {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let is_first = matches!(model.place, Place::First { .. });
    (model.has_snapshots && is_first).then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Snapshots for #self_type #bounds {
                type Snapshot = ();
                fn save(&self) {}
                fn restore(&mut self, (): ()) {}
            }
        }
    })
}
