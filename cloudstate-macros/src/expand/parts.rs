//! Between the first block of an entity's handlers and the others.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use super::{commands, events};
use crate::model::{Handlers, Place};

/// The implementation of `HandlersPart` for a block that is not the first.
pub(super) fn implementation(model: &Handlers) -> TokenStream {
    let Handlers {
        krate, self_type, ..
    } = model;
    let Some(part) = part(model) else {
        return TokenStream::new();
    };
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let handled = commands::handled("HANDLED_HERE", model);
    let handle = commands::handle("handle_here", model);
    let replay = events::replay("replay_here", model);
    let events = events::implementations(model);
    let arguments = commands::check_arguments(model);
    quote! {
        #[automatically_derived]
        #[allow(deprecated, reason = "a handler may be deprecated for other callers")]
        impl #impl_generics #krate::__private::#part for #self_type #bounds {
            #handled
            const IS_SOUND: bool = true;
            #handle
            #replay
        }
        #events
        #arguments
    }
}

/// The trait of this part, if the block is one.
pub(crate) fn part(model: &Handlers) -> Option<TokenStream> {
    let Place::Part { number, span } = model.place else {
        return None;
    };
    let mut number = Literal::usize_unsuffixed(number);
    number.set_span(span);
    Some(quote_spanned!(span=> HandlersPart<#number>))
}

/// The constant of `Handlers` that lists the other blocks.
pub(super) fn list(model: &Handlers) -> Option<TokenStream> {
    let krate = &model.krate;
    let Place::First { of: of @ 2.., span } = model.place else {
        return None;
    };
    let parts = (2..=of).map(|number| {
        let number = Literal::usize_unsuffixed(number);
        let krate = krate.at(span);
        quote_spanned!(span=> #krate::__private::part::<Self, #number>())
    });
    Some(quote! {
        const PARTS: &'static [#krate::__private::Part<Self>] = &[#(#parts),*];
    })
}

/// The implementations by which the other blocks know that the first one knows them.
pub(crate) fn announced(model: &Handlers) -> TokenStream {
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let Place::First { of, .. } = model.place else {
        return TokenStream::new();
    };
    let announced = (2..=of).map(|number| {
        let number = Literal::usize_unsuffixed(number);
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::__private::Announces<#number> for #self_type #bounds {}
        }
    });
    quote!(#(#announced)*)
}
