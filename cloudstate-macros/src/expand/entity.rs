//! `Entity`, the trait of the entity's kind, and the registration.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    attrs::CratePath,
    errors::Errors,
    json,
    model::{Entity, EntityKind, Json, ReplicatedField, Service, SnapshotEvery},
};

/// The struct with its implementations, and `errors` where there are any.
pub(crate) fn entity(model: &Entity, errors: &Errors) -> TokenStream {
    let Entity {
        item,
        krate,
        persistence_id,
        ..
    } = model;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let passivate_after = match model.passivate_after {
        Some(millis) => {
            quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis)))
        }
        None => quote!(::core::option::Option::None),
    };
    let kind = match model.kind {
        EntityKind::EventSourced => quote!(EventSourced),
        EntityKind::Value => quote!(Value),
        EntityKind::Crdt => quote!(Crdt),
    };
    let service = match &model.service {
        Ok(Service { path, .. }) => quote!(#path),
        // A type with an error inside: the compiler asks nothing more of it, wherever the service is used.
        Err(errors) => {
            let errors = errors.to_tokens();
            quote!([(); { #errors }])
        }
    };
    let is_sound = errors.is_empty() && model.service.is_ok();
    let of_its_kind = match model.kind {
        EntityKind::EventSourced => event_sourced(model),
        EntityKind::Value => value(model, is_sound),
        EntityKind::Crdt => crdt(model),
    };
    let checks = is_sound.then(|| checks(model));
    let init = match &model.init {
        Some(_) => quote!(Self),
        None => quote!(#krate::FromDefault),
    };
    let initial = initial(model);
    let errors = errors.to_tokens();
    quote! {
        #errors
        #item
        #[automatically_derived]
        impl #impl_generics #krate::Entity for #name #type_generics #bounds {
            type Kind = #krate::kind::#kind;
            type Service = #service;
            type Init = #init;
            const PERSISTENCE_ID: &'static str = #persistence_id;
            const PASSIVATE_AFTER: ::core::option::Option<::core::time::Duration> = #passivate_after;
        }
        #initial
        #of_its_kind
        #checks
    }
}

/// The way to create one that `init` names.
fn initial(model: &Entity) -> Option<TokenStream> {
    let Entity { item, krate, .. } = model;
    let path = model.init.as_ref()?;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let id = krate.at(path.span());
    let function =
        quote_spanned!(path.span()=> let __init: fn(&#id::EntityId) -> Self = #path; __init);
    Some(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Initial<Self> for #name #type_generics #bounds {
            fn initial(__id: &#krate::EntityId) -> Self {
                #function(__id)
            }
        }
    })
}

fn event_sourced(model: &Entity) -> TokenStream {
    let Entity { item, krate, .. } = model;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let snapshot_every = model.snapshot_every.map_or(0, |every| every.events);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::EventSourcedEntity for #name #type_generics #bounds {
            const SNAPSHOT_EVERY: u64 = #snapshot_every;
        }
    }
}

fn value(model: &Entity, is_sound: bool) -> TokenStream {
    let Entity { item, krate, .. } = model;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let form = match &model.json {
        // The mistake may be why the stored form is not known.
        _ if !is_sound => quote!(::core::unreachable!()),
        Some(_) => quote!(#krate::__private::of_whole::<Self>()),
        None => quote!(#krate::__private::of_snapshots::<Self>()),
    };
    let json = is_sound.then(|| stored_form(model));
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::ValueEntity for #name #type_generics #bounds {
            const STORED_FORM: #krate::__private::StoredForm<Self> = #form;
        }
        #json
    }
}

/// What makes the struct its own stored form, once.
fn stored_form(model: &Entity) -> Option<TokenStream> {
    let Entity { item, krate, .. } = model;
    let Json { span, stored } = model.json.as_ref()?;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let payload = stored.as_ref().map(json::expand);
    let krate = krate.at(*span);
    let one_form = quote_spanned!(*span=> #krate::__private::HasOneStoredForm);
    Some(quote! {
        #payload
        #[automatically_derived]
        impl #impl_generics #one_form for #name #type_generics #bounds {}
    })
}

fn crdt(model: &Entity) -> TokenStream {
    let Entity { item, krate, .. } = model;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let (ty, get, get_mut) = match &model.replicated {
        Some(ReplicatedField { member, ty }) => (
            quote!(#ty),
            quote!(&self.#member),
            quote!(&mut self.#member),
        ),
        // The struct has an error: any type will do.
        None => {
            let unreachable = quote!(::core::unreachable!());
            (quote!(#krate::crdt::Flag), unreachable.clone(), unreachable)
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::CrdtEntity for #name #type_generics #bounds {
            type Crdt = #ty;

            fn crdt(&self) -> &Self::Crdt {
                #get
            }

            fn crdt_mut(&mut self) -> &mut Self::Crdt {
                #get_mut
            }
        }
    }
}

fn checks(model: &Entity) -> TokenStream {
    let one_service = one_service(&model.krate, &model.service);
    let snapshots = snapshots(model);
    let registration = registration(model);
    quote!(#one_service #snapshots #registration)
}

/// A second implementation for the same service is an error: two entities or actions on one service.
pub(super) fn one_service(
    krate: &CratePath,
    service: &Result<Service, Errors>,
) -> Option<TokenStream> {
    let Service { path, .. } = service.as_ref().ok().filter(|service| service.local)?;
    let span = path.span();
    let krate = krate.at(span);
    Some(quote_spanned! {span=>
        #[automatically_derived]
        impl #krate::__private::ServedByOneEntity for #path {}
    })
}

/// `snapshot_every` needs something that takes snapshots.
fn snapshots(model: &Entity) -> Option<TokenStream> {
    let Entity { item, krate, .. } = model;
    let SnapshotEvery { span, .. } = model.snapshot_every?;
    let name = &item.ident;
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let mut name = name.clone();
    name.set_span(span);
    let krate = krate.at(span);
    let check = quote_spanned!(span=> #krate::__private::takes_snapshots::<#name #type_generics>());
    Some(quote! {
        const _: () = {
            #[allow(dead_code, reason = "its signature and body are checked; nobody calls it")]
            fn __check #impl_generics () #bounds {
                #check
            }
        };
    })
}

/// Tells `cloudstate::run` of the entity. Generic structs are no one type that could be told.
fn registration(model: &Entity) -> Option<TokenStream> {
    let Entity { item, krate, .. } = model;
    if !model.register || !item.generics.params.is_empty() {
        return None;
    }
    let name = &item.ident;
    Some(quote! {
        #krate::__private::inventory::submit! {
            #krate::__private::Registration::entity::<#name>(
                ::core::concat!(::core::file!(), ":", ::core::line!())
            )
        }
    })
}
