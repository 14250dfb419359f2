//! Which names a type contains, and how it reads.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Generics, Type};

/// Whether a type contains one of these type or const parameters.
pub(crate) fn mentions_parameter(ty: &Type, generics: &Generics) -> bool {
    let types = generics.type_params().map(|param| &param.ident);
    let consts = generics.const_params().map(|param| &param.ident);
    let names: Vec<&Ident> = types.chain(consts).collect();
    contains(ty.to_token_stream(), &|ident| names.contains(&ident))
}

/// Whether a type contains `Self`.
pub(crate) fn mentions_self(ty: &Type) -> bool {
    contains(ty.to_token_stream(), &|ident| ident == "Self")
}

fn contains(tokens: TokenStream, is_it: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_it(&ident),
        TokenTree::Group(group) => contains(group.stream(), is_it),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// A type as a user would write it, without the spaces between its tokens.
pub(crate) fn text(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        ("( ", "("),
        (" )", ")"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

#[cfg(test)]
mod tests {
    use syn::{ItemImpl, parse_quote};

    use super::*;

    #[test]
    fn parameters_are_found_at_any_depth() {
        let block: ItemImpl = parse_quote!(
            impl<'a, T, const N: usize> Cart<'a, T, N> {}
        );
        let mentions = |ty: Type| mentions_parameter(&ty, &block.generics);
        assert!(mentions(parse_quote!(Vec<(T, u8)>)));
        assert!(mentions(parse_quote!([u8; N])));
        assert!(!mentions(parse_quote!(pb::Tea)));
        assert!(mentions_self(&parse_quote!(<Self as Trait>::Event)));
        assert!(!mentions_self(&parse_quote!(Selfish)));
    }

    #[test]
    fn types_read_as_they_are_written() {
        for written in [
            "pb::Item",
            "::pb::Item",
            "Option<Vec<pb::Item>>",
            "&str",
            "(A, B)",
        ] {
            let ty: Type = syn::parse_str(written).unwrap();
            assert_eq!(text(&ty), written);
        }
    }
}
