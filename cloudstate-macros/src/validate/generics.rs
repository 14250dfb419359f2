//! Rules of generic entities.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericParam, Generics, Ident, Type};

use crate::errors::Errors;

/// Refuses an event whose type depends on a parameter of the entity.
///
/// Its type URL is kept once per handler, not once per instance of the entity: two instances would store their events
/// under one name.
pub(super) fn one_stored_type(event: &Type, generics: &Generics, errors: &mut Errors) {
    let params: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    let depends = |name: &Ident| name == "Self" || params.contains(&name);
    if !params.is_empty() && mentions(event.to_token_stream(), &depends) {
        errors.at(
            event,
            "what is stored cannot depend on a type parameter of the entity: write the event's own type",
        );
    }
}

fn mentions(tokens: TokenStream, is_it: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_it(&ident),
        TokenTree::Group(group) => mentions(group.stream(), is_it),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn only_what_depends_on_a_parameter_is_refused() {
        let generic: Generics = parse_quote!(<'a, T: Prices, const N: usize>);
        let refused = |event: Type, generics: &Generics| {
            let mut errors = Errors::default();
            one_stored_type(&event, generics, &mut errors);
            !errors.is_empty()
        };
        assert!(refused(parse_quote!(T), &generic));
        assert!(refused(parse_quote!(pb::Added<T>), &generic));
        assert!(refused(parse_quote!(pb::Added<[u8; N]>), &generic));
        assert!(refused(parse_quote!(<Self as Log>::Event), &generic));
        assert!(!refused(parse_quote!(pb::Added), &generic));
        assert!(!refused(
            parse_quote!(<Self as Log>::Event),
            &Generics::default()
        ));
    }
}
