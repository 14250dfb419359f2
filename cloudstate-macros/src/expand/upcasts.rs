//! From what an older version stored to what is handled today.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::local;
use crate::model::{Handlers, Upcast};

/// The choice of an upcaster by the stored event's type, behind those of the handlers.
pub(super) fn of_events(model: &Handlers) -> TokenStream {
    let krate = &model.krate;
    let arms = model.event_upcasts.iter().map(|upcast| {
        let Upcast { cfgs, old, new, .. } = upcast;
        let type_url = type_url(model, upcast);
        let convert = convert(upcast);
        let older = krate.at(old.span());
        let older =
            quote_spanned!(old.span()=> #older::__private::replay_older::<Self, #old, #new>);
        quote! {
            #(#cfgs)*
            if let ::core::option::Option::Some(__result) =
                #older(self, __event, __context, #type_url, #convert)
            {
                return __result;
            }
        }
    });
    quote!(#(#arms)*)
}

/// What says of each older type that an upcaster reads it, so that no handler, in whichever block, reads it too.
pub(super) fn marks(model: &Handlers) -> TokenStream {
    let self_type = &model.self_type;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let marks = model.event_upcasts.iter().map(|Upcast { cfgs, old, .. }| {
        let krate = model.krate.at(old.span());
        let reads = quote_spanned! {old.span()=>
            impl #impl_generics #krate::__private::ReadsEvent<#old> for #self_type #bounds {}
        };
        quote! {
            #(#cfgs)*
            #[automatically_derived]
            #reads
        }
    });
    quote!(#(#marks)*)
}

/// The method of `Snapshots` that reads what is stored, where there are older types.
pub(super) fn of_snapshots(model: &Handlers) -> Option<TokenStream> {
    let krate = &model.krate;
    if model.snapshot_upcasts.is_empty() {
        return None;
    }
    let arms = model.snapshot_upcasts.iter().map(|upcast| {
        let Upcast { old, new, .. } = upcast;
        let older = krate.at(old.span());
        let read = quote_spanned!(old.span()=> #older::__private::read_older::<#old, #new>);
        arm(model, upcast, &read)
    });
    Some(quote! {
        fn read(
            __stored: &#krate::Any,
        ) -> ::core::option::Option<::core::result::Result<Self::Snapshot, #krate::DecodeError>> {
            if let ::core::option::Option::Some(__result) =
                <Self::Snapshot as #krate::Payload>::from_any(__stored)
            {
                return ::core::option::Option::Some(__result);
            }
            #(#arms)*
            ::core::option::Option::None
        }
    })
}

/// The method of `Handlers` that reads an entity stored as a whole, where there are older types.
pub(super) fn of_whole(model: &Handlers) -> Option<TokenStream> {
    let krate = &model.krate;
    if model.whole_upcasts.is_empty() {
        return None;
    }
    let arms = model.whole_upcasts.iter().map(|upcast| {
        let Upcast { old, new, .. } = upcast;
        // Where the entity is not stored as a whole, the compiler says so at the type that the upcaster returns.
        let older = krate.at(new.span());
        let read = quote_spanned!(new.span()=> #older::__private::read_whole::<#new, #old>);
        arm(model, upcast, &read)
    });
    Some(quote! {
        fn read_older(
            __stored: &#krate::Any,
        ) -> ::core::option::Option<::core::result::Result<Self, #krate::DecodeError>> {
            #(#arms)*
            ::core::option::Option::None
        }
    })
}

fn arm(model: &Handlers, upcast: &Upcast, read: &TokenStream) -> TokenStream {
    let cfgs = &upcast.cfgs;
    let type_url = type_url(model, upcast);
    let convert = convert(upcast);
    quote! {
        #(#cfgs)*
        if let ::core::option::Option::Some(__result) = #read(__stored, #type_url, #convert) {
            return ::core::option::Option::Some(__result);
        }
    }
}

/// The older type's URL, computed once.
fn type_url(model: &Handlers, Upcast { old, .. }: &Upcast) -> TokenStream {
    let krate = &model.krate;
    let payload = krate.at(old.span());
    let payload = quote_spanned!(old.span()=> <#old as #payload::Payload>);
    quote! {{
        static __URL: ::std::sync::OnceLock<#krate::__private::ByteString> =
            ::std::sync::OnceLock::new();
        __URL.get_or_init(#payload::type_url)
    }}
}

/// One upcaster after the other.
fn convert(Upcast { methods, old, .. }: &Upcast) -> TokenStream {
    let argument = local("__old", old.span());
    let steps = methods.iter().fold(
        quote!(#argument),
        |inner, method| quote!(Self::#method(#inner)),
    );
    quote!(|#argument: #old| #steps)
}
