//! `#[derive(Json)]`: a type that is stored as JSON, under a name of its own.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{DeriveInput, Meta};

use crate::{
    attrs::{self, CratePath, JsonOptions},
    errors::Errors,
};

/// A type that is stored as JSON.
#[derive(Debug)]
pub(crate) struct Stored {
    krate: CratePath,
    ident: Ident,
    type_url: String,
}

impl Stored {
    /// The same in code that finds the library under another path.
    pub(crate) fn within(self, krate: CratePath) -> Self {
        Self { krate, ..self }
    }
}

/// What the type's `#[json(..)]` says, and its defaults where it says nothing that can be used; nothing of a generic type.
pub(crate) fn validate(input: &DeriveInput, errors: &mut Errors) -> Option<Stored> {
    let options = options(input, errors);
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics.params,
            "what is stored under one name is of one type: remove the parameters, and write a struct around each type \
             that is stored",
        );
        return None;
    }
    let name = name(&options, &input.ident, errors);
    let suffix = match &options.version {
        Some(version) if **version == 0 => {
            let message = "versions count from 1: write `version = 2` for the type's second form";
            errors.push(syn::Error::new(version.span(), message));
            String::new()
        }
        None => String::new(),
        Some(version) if **version == 1 => String::new(),
        Some(version) => format!(".v{}", **version),
    };
    Some(Stored {
        krate: CratePath::new(options.krate),
        ident: input.ident.clone(),
        type_url: format!("json.cloudstate.io/{name}{suffix}"),
    })
}

/// The implementation of `Payload`.
pub(crate) fn expand(stored: &Stored) -> TokenStream {
    let Stored {
        krate,
        ident,
        type_url,
    } = stored;
    let codec = krate.at(ident.span());
    let codec = quote_spanned!(ident.span()=> #codec::__private::json_codec::<Self>());
    quote! {
        #[automatically_derived]
        impl #krate::Payload for #ident {
            fn type_url() -> #krate::__private::ByteString {
                #krate::__private::ByteString::from_static(#type_url)
            }

            fn encode(&self) -> #krate::__private::Bytes {
                (Self::__JSON.encode)(self)
            }

            fn decode(
                __bytes: #krate::__private::Bytes,
            ) -> ::core::result::Result<Self, #krate::DecodeError> {
                (Self::__JSON.decode)(__bytes)
            }
        }

        impl #ident {
            const __JSON: #krate::__private::JsonCodec<Self> = #codec;
        }
    }
}

/// Options may stand in several attributes, as serde's do.
fn options(input: &DeriveInput, errors: &mut Errors) -> JsonOptions {
    let mut tokens = TokenStream::new();
    for attribute in &input.attrs {
        if !attribute.path().is_ident("json") {
            continue;
        }
        match &attribute.meta {
            Meta::List(list) => {
                tokens.extend(list.tokens.clone());
                tokens.extend(quote!(,));
            }
            other => errors.at(
                other.to_token_stream(),
                "options stand in parentheses: write `#[json(name = \"item-added\")]`",
            ),
        }
    }
    attrs::read(tokens, errors)
}

fn name(options: &JsonOptions, ident: &Ident, errors: &mut Errors) -> String {
    let Some(name) = &options.name else {
        return ident.to_string().trim_start_matches("r#").to_owned();
    };
    let is_usual = |c: char| c.is_alphanumeric() || ['.', '_', '-', '$'].contains(&c);
    if name.is_empty() {
        let message = format!("a name is not empty: leave it out, and it is `{ident}`");
        errors.push(syn::Error::new(name.span(), message));
    } else if let Some(wrong) = name.chars().find(|&c| !is_usual(c)) {
        let message = format!(
            "a name contains no {wrong:?}: it stands at the end of a type URL; write letters, digits, `.`, `_` and `-`"
        );
        errors.push(syn::Error::new(name.span(), message));
    }
    name.as_ref().clone()
}
