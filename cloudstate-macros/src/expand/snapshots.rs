//! Between the state and its stored form.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{local, upcasts};
use crate::model::{Handlers, Snapshots};

/// The methods of `Handlers` that take and restore snapshots.
pub(super) fn methods(model: &Handlers) -> TokenStream {
    let krate = &model.krate;
    let Some(Snapshots { cfgs, .. }) = &model.snapshots else {
        return quote! {
            fn take_snapshot(&self) -> ::core::option::Option<#krate::Any> {
                ::core::option::Option::None
            }

            fn restore_snapshot(
                &mut self,
                __snapshot: &#krate::Any,
            ) -> ::core::result::Result<(), #krate::ReplayError> {
                ::core::result::Result::Err(
                    #krate::__private::no_handler::<Self>(__snapshot, "snapshot")
                )
            }
        };
    };
    quote! {
        #[allow(unreachable_code, reason = "reached where the methods are configured away")]
        fn take_snapshot(&self) -> ::core::option::Option<#krate::Any> {
            #(#cfgs)*
            return ::core::option::Option::Some(#krate::__private::take_snapshot(self));
            ::core::option::Option::None
        }

        fn restore_snapshot(
            &mut self,
            __snapshot: &#krate::Any,
        ) -> ::core::result::Result<(), #krate::ReplayError> {
            #(#cfgs)*
            if let ::core::option::Option::Some(__result) =
                #krate::__private::restore_snapshot(self, __snapshot)
            {
                return __result;
            }
            ::core::result::Result::Err(
                #krate::__private::no_handler::<Self>(__snapshot, "snapshot")
            )
        }
    }
}

/// The implementation of `Snapshots`, where there is a pair of methods.
pub(super) fn implementation(model: &Handlers) -> Option<TokenStream> {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let Snapshots {
        cfgs,
        save,
        saved,
        restore,
        restored,
    } = model.snapshots.as_ref()?;
    let argument = local("__snapshot", restored.span());
    let older = upcasts::of_snapshots(model);
    let one_form = krate.at(save.span());
    let one_form = quote_spanned!(save.span()=>
        impl #impl_generics #one_form::__private::HasOneStoredForm for #self_type #bounds {}
    );
    Some(quote! {
        #(#cfgs)*
        #[automatically_derived]
        #one_form

        #(#cfgs)*
        #[automatically_derived]
        #[allow(deprecated, reason = "a handler may be deprecated for other callers")]
        impl #impl_generics #krate::Snapshots for #self_type #bounds {
            type Snapshot = #saved;

            fn save(&self) -> #saved {
                Self::#save(self)
            }

            fn restore(&mut self, __snapshot: #saved) {
                Self::#restore(self, #argument)
            }

            #older
        }
    })
}
