//! What each macro does: parse, validate, then expand, or else fall back.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{DeriveInput, Item};

use crate::{
    attrs::{self, ActionOptions, CratePath, EntityOptions, HandlersOptions, Kind},
    errors::Errors,
    expand, fallback, json,
    model::EntityKind,
    parse, validate,
};

pub(crate) fn entity(kind: EntityKind, options: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(Item::Struct(item)) => item,
        Ok(other) => {
            errors.at(
                keyword(&other),
                format!(
                    "`#[{}]` stands above the `struct` that holds an entity's state",
                    kind.attribute()
                ),
            );
            return fallback::item(tokens, &errors);
        }
        Err(error) => return fallback::item(tokens, &error.into()),
    };
    let options: EntityOptions = attrs::read(options, &mut errors);
    let entity = validate::entity(kind, options, item, &mut errors);
    expand::entity(&entity, &errors)
}

pub(crate) fn action(options: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(Item::Struct(item)) => item,
        Ok(other) => {
            errors.at(
                keyword(&other),
                "`#[action]` stands above the `struct` whose methods handle the calls",
            );
            return fallback::item(tokens, &errors);
        }
        Err(error) => return fallback::item(tokens, &error.into()),
    };
    let options: ActionOptions = attrs::read(options, &mut errors);
    let action = validate::action(options, item, &mut errors);
    expand::action(&action, &errors)
}

pub(crate) fn handlers(options: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(Item::Impl(item)) => item,
        Ok(other) => {
            errors.at(
                keyword(&other),
                "`#[handlers]` stands above the `impl` block that holds an entity's handlers",
            );
            return fallback::item(tokens, &errors);
        }
        Err(error) => return fallback::item(tokens, &error.into()),
    };
    let options: HandlersOptions = attrs::read(options, &mut errors);
    let krate = CratePath::new(options.krate.clone());
    let block = parse::block(item, &krate, &mut errors);
    if let Some((path, _)) = &block.item.trait_ {
        errors.at(
            path,
            "handlers are inherent methods: write `#[handlers]` above an `impl` block without a trait",
        );
    }
    let model = validate::handlers(&options, krate, &block, &mut errors);
    let generated = if errors.is_empty() {
        expand::handlers(&model)
    } else {
        fallback::handlers(&model, &errors)
    };
    let item = &block.item;
    quote!(#item #generated)
}

pub(crate) fn derive_json(tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let input = match syn::parse2::<DeriveInput>(tokens) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let stored = json::validate(&input, &mut errors);
    let implementation = stored.as_ref().map(json::expand);
    let errors = errors.to_tokens();
    quote!(#errors #implementation)
}

/// An attribute of methods that no `#[handlers]` took away.
pub(crate) fn misplaced(kind: Kind, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    errors.push(syn::Error::new(
        Span::call_site(),
        format!("{kind} stands above a method of an `impl` block with `#[handlers]`: write `#[handlers]` above the block"),
    ));
    fallback::item(item, &errors)
}

/// The word that says what an item is.
fn keyword(item: &Item) -> TokenStream {
    match item {
        Item::Struct(item) => item.struct_token.to_token_stream(),
        Item::Enum(item) => item.enum_token.to_token_stream(),
        Item::Fn(item) => item.sig.fn_token.to_token_stream(),
        Item::Impl(item) => item.impl_token.to_token_stream(),
        Item::Mod(item) => item.mod_token.to_token_stream(),
        Item::Trait(item) => item.trait_token.to_token_stream(),
        Item::Type(item) => item.type_token.to_token_stream(),
        Item::Union(item) => item.union_token.to_token_stream(),
        other => other.to_token_stream(),
    }
}
