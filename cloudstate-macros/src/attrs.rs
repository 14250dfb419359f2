//! The attributes and their options, as written.

use std::fmt;

use darling::{
    FromMeta,
    ast::NestedMeta,
    util::{Flag, SpannedValue},
};
use proc_macro2::TokenStream;
use syn::{Attribute, Expr, Meta, Path, parse_quote};

use crate::errors::Errors;

/// Options of `#[event_sourced_entity]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct EntityOptions {
    pub(crate) service: Option<PathOption>,
    pub(crate) extern_service: Option<PathOption>,
    pub(crate) persistence_id: Option<SpannedValue<String>>,
    pub(crate) snapshot_every: Option<SpannedValue<u64>>,
    pub(crate) passivate_after: Option<SpannedValue<String>>,
    pub(crate) register: Option<bool>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<PathOption>,
}

/// Options of `#[handlers]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct HandlersOptions {
    pub(crate) partial: Flag,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<PathOption>,
}

/// Options of `#[command_handler]`.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct CommandOptions {
    pub(crate) name: Option<SpannedValue<String>>,
}

/// Options of the attributes that have none.
#[derive(Debug, Default, FromMeta)]
pub(crate) struct NoOptions {}

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

/// Path of the `cloudstate` crate.
pub(crate) fn crate_path(option: Option<&PathOption>) -> Path {
    option.map_or_else(
        || parse_quote!(::cloudstate),
        |PathOption(path)| path.clone(),
    )
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

/// The attributes of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Event,
    Snapshot,
    SnapshotHandler,
}

impl Kind {
    /// The attribute that `attribute` is, by its name alone or as `cloudstate::name`.
    pub(crate) fn of(attribute: &Attribute) -> Option<Self> {
        let path = attribute.path();
        if path.segments.len() > 2 {
            return None;
        }
        [
            Self::Command,
            Self::Event,
            Self::Snapshot,
            Self::SnapshotHandler,
        ]
        .into_iter()
        .find(|kind| {
            path.segments
                .last()
                .is_some_and(|last| last.ident == kind.name())
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Command => "command_handler",
            Self::Event => "event_handler",
            Self::Snapshot => "snapshot",
            Self::SnapshotHandler => "snapshot_handler",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`#[{}]`", self.name())
    }
}

/// The options between an attribute's parentheses; none without parentheses.
pub(crate) fn option_tokens(attribute: &Attribute, errors: &mut Errors) -> TokenStream {
    match &attribute.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(value) => {
            errors.at(
                &value.value,
                "options stand in parentheses: write `(name = \"..\")`",
            );
            TokenStream::new()
        }
    }
}
