//! From the model to code. Its paths are absolute, its names begin with `__`, and what may not compile has the span of
//! what the user wrote.

mod action;
mod calls;
mod commands;
mod entity;
mod events;
mod parts;
mod snapshots;
mod upcasts;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

pub(crate) use action::action;
pub(crate) use entity::entity;

use crate::model::{Handlers, Place};

pub(crate) use parts::{announced, part};

/// The implementations for an `impl` block without mistakes.
pub(crate) fn handlers(model: &Handlers) -> TokenStream {
    if model.is_action {
        return calls::implementation(model);
    }
    if let Place::Part { .. } = model.place {
        return parts::implementation(model);
    }
    let Handlers {
        krate, self_type, ..
    } = model;
    let (impl_generics, _, bounds) = model.generics.split_for_impl();
    let handled = commands::handled("HANDLED", model);
    let handle = commands::handle("handle", model);
    let replay = events::replay("replay", model);
    let snapshot_methods = snapshots::methods(model);
    let read_older = upcasts::of_whole(model);
    let events = events::implementations(model);
    let snapshots = snapshots::implementation(model);
    let arguments = commands::check_arguments(model);
    let complete = commands::check_complete(model);
    let parts = parts::list(model);
    let announced = announced(model);
    quote! {
        #[automatically_derived]
        #[allow(deprecated, reason = "a handler may be deprecated for other callers")]
        impl #impl_generics #krate::Handlers for #self_type #bounds {
            #handled
            #parts
            #handle
            #replay
            #snapshot_methods
            #read_older
        }
        #events
        #snapshots
        #arguments
        #complete
        #announced
    }
}

/// A variable of ours in an expression whose errors point to `span`, also where that is inside a `macro_rules!`.
fn local(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::call_site().located_at(span))
}

fn is_generic(model: &Handlers) -> bool {
    !model.generics.params.is_empty()
}
