//! Between the state and its stored form.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::model::{Handlers, Snapshots};

/// The methods of `Handlers` that take and restore snapshots.
pub(super) fn methods(model: &Handlers) -> TokenStream {
    let krate = &model.krate;
    let cfgs = model.snapshots.as_ref().map(|pair| &pair.cfgs);
    let cfgs = cfgs.into_iter().flatten();
    let (take, restore) = match &model.snapshots {
        None => (TokenStream::new(), TokenStream::new()),
        Some(_) => {
            let cfgs: Vec<_> = cfgs.collect();
            let take = quote! {
                #(#cfgs)*
                return ::core::option::Option::Some(
                    #krate::__private::encode(&<Self as #krate::Snapshots>::save(self))
                );
            };
            let restore = quote! {
                #(#cfgs)*
                if #krate::__private::is_snapshot_of::<Self>(__snapshot) {
                    let __snapshot = #krate::__private::decode(__snapshot, "snapshot")?;
                    <Self as #krate::Snapshots>::restore(self, __snapshot);
                    return ::core::result::Result::Ok(());
                }
            };
            (take, restore)
        }
    };
    quote! {
        fn take_snapshot(&self) -> ::core::option::Option<#krate::Any> {
            #take
            #[allow(unreachable_code, reason = "reached where the snapshot method is configured away")]
            ::core::option::Option::None
        }

        fn restore_snapshot(
            &mut self,
            __snapshot: &#krate::Any,
        ) -> ::core::result::Result<(), #krate::ReplayError> {
            #restore
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
    let argument = quote_spanned!(restored.span()=> __snapshot);
    Some(quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #impl_generics #krate::Snapshots for #self_type #bounds {
            type Snapshot = #saved;

            fn save(&self) -> #saved {
                Self::#save(self)
            }

            fn restore(&mut self, __snapshot: #saved) {
                Self::#restore(self, #argument)
            }
        }
    })
}
