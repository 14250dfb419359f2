//! `Action` and the registration.

use proc_macro2::TokenStream;
use quote::quote;

use super::entity::one_service;
use crate::{
    errors::Errors,
    model::{Action, Service},
};

/// The struct with its implementations, and `errors` where there are any.
pub(crate) fn action(model: &Action, errors: &Errors) -> TokenStream {
    let Action { item, krate, .. } = model;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let service = match &model.service {
        Ok(Service { path, .. }) => quote!(#path),
        // A type with an error inside: the compiler asks nothing more of it, wherever the service is used.
        Err(errors) => {
            let errors = errors.to_tokens();
            quote!([(); { #errors }])
        }
    };
    let is_sound = errors.is_empty() && model.service.is_ok();
    let checks = is_sound.then(|| {
        let one_service = one_service(krate, &model.service);
        let registration = registration(model);
        quote!(#one_service #registration)
    });
    let errors = errors.to_tokens();
    quote! {
        #errors
        #item
        #[automatically_derived]
        impl #impl_generics #krate::Action for #name #type_generics #bounds {
            type Service = #service;
        }
        #checks
    }
}

/// Tells `cloudstate::run` of the action. Generic structs are no one type that could be told.
fn registration(model: &Action) -> Option<TokenStream> {
    let Action { item, krate, .. } = model;
    if !model.register || !item.generics.params.is_empty() {
        return None;
    }
    let name = &item.ident;
    Some(quote! {
        #krate::__private::inventory::submit! {
            #krate::__private::Registration::action::<#name>(
                ::core::concat!(::core::file!(), ":", ::core::line!())
            )
        }
    })
}
