//! The attributes and their options, as written.

use std::fmt;

use darling::{
    FromMeta,
    ast::NestedMeta,
    util::{Flag, SpannedValue},
};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Meta, Path};

use crate::errors::Errors;

/// Options of the attributes that make an entity; not every kind has every option.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct EntityOptions {
    pub(crate) service: Option<PathOption>,
    pub(crate) extern_service: Option<PathOption>,
    pub(crate) persistence_id: Option<SpannedValue<String>>,
    pub(crate) snapshot_every: Option<SpannedValue<EventCount>>,
    pub(crate) passivate_after: Option<SpannedValue<String>>,
    pub(crate) register: Option<bool>,
    pub(crate) init: Option<PathOption>,
    pub(crate) json: Option<SpannedValue<JsonWord>>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<PathOption>,
}

/// Options of `#[action]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct ActionOptions {
    pub(crate) service: Option<PathOption>,
    pub(crate) extern_service: Option<PathOption>,
    pub(crate) register: Option<bool>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<PathOption>,
}

/// Options of `#[handlers]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct HandlersOptions {
    pub(crate) partial: Flag,
    pub(crate) part: Option<SpannedValue<BlockNumber>>,
    pub(crate) parts: Option<SpannedValue<BlockNumber>>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<PathOption>,
}

/// Options of `#[command_handler]` and `#[call_handler]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct RpcOptions {
    pub(crate) name: Option<SpannedValue<String>>,
}

/// Options of `#[json(..)]`, which belongs to `#[derive(Json)]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct JsonOptions {
    pub(crate) name: Option<SpannedValue<String>>,
    pub(crate) version: Option<SpannedValue<u32>>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<PathOption>,
}

/// An option whose value is a path, without quotes.
#[derive(Clone, Debug)]
pub(crate) struct PathOption(pub(crate) Path);

impl FromMeta for PathOption {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        match expr {
            Expr::Path(path) if path.qself.is_none() => Ok(Self(path.path.clone())),
            Expr::Group(group) => Self::from_expr(&group.expr),
            _ => Err(darling::Error::custom(
                "expected a path without quotes, such as `pb::ShoppingCart`",
            )
            .with_span(expr)),
        }
    }
}

/// The option `json`, which is a word alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonWord;

impl FromMeta for JsonWord {
    fn from_word() -> darling::Result<Self> {
        Ok(Self)
    }

    fn from_meta(item: &Meta) -> darling::Result<Self> {
        match item {
            Meta::Path(_) => Ok(Self),
            Meta::List(_) | Meta::NameValue(_) => Err(darling::Error::custom(
                "`json` stands alone: to name the stored type write `#[json(name = \"cart\")]` above the struct",
            )
            .with_span(item)),
        }
    }
}

/// A number of events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventCount(pub(crate) u64);

impl FromMeta for EventCount {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        let count = match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Int(count),
                ..
            }) => count.base10_parse().ok(),
            Expr::Group(group) => return Self::from_expr(&group.expr),
            _ => None,
        };
        match count {
            Some(count @ 1..) => Ok(Self(count)),
            _ => Err(darling::Error::custom(
                "a number of events, from 1: write `snapshot_every = 100`, or leave it out for no snapshots",
            )
            .with_span(expr)),
        }
    }
}

/// A number of blocks, or the number of one that is not the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockNumber(pub(crate) usize);

impl FromMeta for BlockNumber {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        let number = match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }) => number.base10_parse().ok(),
            Expr::Group(group) => return Self::from_expr(&group.expr),
            _ => None,
        };
        match number {
            Some(number @ 2..=99) => Ok(Self(number)),
            _ => Err(darling::Error::custom(
                "a number from 2 to 99: write `parts = 2` above the first of two blocks, and `part = 2` above the second",
            )
            .with_span(expr)),
        }
    }
}

/// The path by which generated code names the crate `cloudstate`.
#[derive(Clone, Debug)]
pub(crate) struct CratePath(Option<Path>);

impl CratePath {
    /// What the option `crate` says, `::cloudstate` without it.
    pub(crate) fn new(option: Option<PathOption>) -> Self {
        Self(option.map(|PathOption(path)| path))
    }

    /// Whether the path ends with these names, of which there may be none.
    fn ends_with<'a>(&self, names: impl DoubleEndedIterator<Item = &'a Ident>) -> bool {
        let mut own = match &self.0 {
            None => vec!["cloudstate".to_owned()],
            Some(path) => {
                let names = path
                    .segments
                    .iter()
                    .map(|segment| segment.ident.to_string());
                names.collect()
            }
        };
        names
            .rev()
            .all(|name| own.pop().is_some_and(|own| name == &own))
    }

    /// The path, where errors shall point to `span`.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        let Some(path) = &self.0 else {
            return quote_spanned!(span=> ::cloudstate);
        };
        let located = |mut token: TokenTree| {
            token.set_span(token.span().located_at(span));
            token
        };
        path.to_token_stream().into_iter().map(located).collect()
    }
}

impl ToTokens for CratePath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.at(Span::call_site()));
    }
}

/// Reads the options of an attribute. What is wrong with some goes to `errors`, and the others still count.
pub(crate) fn read<T: FromMeta + Default>(tokens: TokenStream, errors: &mut Errors) -> T {
    let list = match NestedMeta::parse_meta_list(tokens) {
        Ok(list) => list,
        Err(error) => {
            errors.push(error);
            return T::default();
        }
    };
    let error = match T::from_list(&list) {
        Ok(options) => return options,
        Err(error) => error,
    };
    for error in error.flatten() {
        errors.push(error.into());
    }
    let mut sound: Vec<NestedMeta> = Vec::new();
    for option in list {
        sound.push(option);
        if T::from_list(&sound).is_err() {
            sound.pop();
        }
    }
    T::from_list(&sound).unwrap_or_default()
}

/// Whether `attribute` is our `#[crdt]`: by its name alone, or behind a path to the crate.
pub(crate) fn is_crdt(attribute: &Attribute, krate: &CratePath) -> bool {
    let mut path = attribute.path().segments.iter().rev();
    let is_named = path.next().is_some_and(|last| last.ident == "crdt");
    is_named && krate.ends_with(path.rev().map(|segment| &segment.ident))
}

/// The attributes of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Event,
    Snapshot,
    SnapshotHandler,
    Upcaster,
    Call,
}

impl Kind {
    /// The attribute of ours that `attribute` is: by its name alone, or behind a path to the crate.
    pub(crate) fn of(attribute: &Attribute, krate: &CratePath) -> Option<Self> {
        let mut path = attribute.path().segments.iter().rev();
        let name = &path.next()?.ident;
        let kind = [
            Self::Command,
            Self::Event,
            Self::Snapshot,
            Self::SnapshotHandler,
            Self::Upcaster,
            Self::Call,
        ]
        .into_iter()
        .find(|kind| name == kind.name())?;
        krate
            .ends_with(path.rev().map(|segment| &segment.ident))
            .then_some(kind)
    }

    /// What a method with the attribute is.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Command => "a command handler",
            Self::Event => "an event handler",
            Self::Snapshot => "a snapshot method",
            Self::SnapshotHandler => "a snapshot handler",
            Self::Upcaster => "an upcaster",
            Self::Call => "a call handler",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Command => "command_handler",
            Self::Event => "event_handler",
            Self::Snapshot => "snapshot",
            Self::SnapshotHandler => "snapshot_handler",
            Self::Upcaster => "upcaster",
            Self::Call => "call_handler",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`#[{}]`", self.name())
    }
}

/// The options between an attribute's parentheses; none without parentheses.
pub(crate) fn options_of(kind: Kind, attribute: &Attribute, errors: &mut Errors) -> TokenStream {
    match &attribute.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(value) => {
            errors.at(
                value,
                format!(
                    "options stand in parentheses: write `#[{}(name = \"AddItem\")]`",
                    kind.name()
                ),
            );
            TokenStream::new()
        }
    }
}

/// Refuses options of an attribute that has none.
pub(crate) fn no_options(kind: Kind, attribute: &Attribute, errors: &mut Errors) {
    let options = match &attribute.meta {
        Meta::Path(_) => return,
        Meta::List(list) if list.tokens.is_empty() => return,
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(value) => value.value.to_token_stream(),
    };
    errors.at(options, format!("{kind} has no options: remove this"));
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn our_attributes_stand_alone_or_behind_the_crate() {
        let default = CratePath::new(None);
        let renamed = CratePath::new(Some(PathOption(parse_quote!(crate::sdk))));
        for attribute in [
            parse_quote!(#[snapshot]),
            parse_quote!(#[cloudstate::snapshot]),
            parse_quote!(#[::cloudstate::snapshot]),
        ] {
            assert_eq!(Kind::of(&attribute, &default), Some(Kind::Snapshot));
        }
        for attribute in [
            parse_quote!(#[snapshot]),
            parse_quote!(#[sdk::snapshot]),
            parse_quote!(#[crate::sdk::snapshot]),
        ] {
            assert_eq!(Kind::of(&attribute, &renamed), Some(Kind::Snapshot));
        }
        for attribute in [
            parse_quote!(#[insta::snapshot]),
            parse_quote!(#[other::cloudstate::snapshot]),
            parse_quote!(#[snapshots]),
        ] {
            assert_eq!(Kind::of(&attribute, &default), None);
        }
    }
}
