//! From an `impl` block to its annotated methods.

use syn::{Attribute, ImplItem, ItemImpl, Signature, parse_quote};

use crate::{
    attrs::{CratePath, Kind},
    errors::Errors,
};

/// An `impl` block, and the methods that carried one of our attributes.
#[derive(Debug)]
pub(crate) struct Block {
    /// The block without our attributes.
    pub(crate) item: ItemImpl,
    pub(crate) methods: Vec<Method>,
}

/// An annotated method.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) kind: Kind,
    pub(crate) attribute: Attribute,
    /// The conditions under which it exists.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) signature: Signature,
}

/// Takes our attributes out of the block.
pub(crate) fn block(mut item: ItemImpl, krate: &CratePath, errors: &mut Errors) -> Block {
    let mut methods = Vec::new();
    for item in &mut item.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let Some((kind, attribute)) = take(&mut function.attrs, krate, errors) else {
            continue;
        };
        // Handlers take their arguments by value, whether they keep them or not.
        function
            .attrs
            .push(parse_quote!(#[allow(clippy::needless_pass_by_value)]));
        let is_cfg = |attribute: &&Attribute| attribute.path().is_ident("cfg");
        methods.push(Method {
            kind,
            attribute,
            cfgs: function.attrs.iter().filter(is_cfg).cloned().collect(),
            signature: function.sig.clone(),
        });
    }
    Block { item, methods }
}

/// Removes our attributes, of which a method has at most one.
fn take(
    attributes: &mut Vec<Attribute>,
    krate: &CratePath,
    errors: &mut Errors,
) -> Option<(Kind, Attribute)> {
    let mut ours = attributes.extract_if(.., |attribute| Kind::of(attribute, krate).is_some());
    let attribute = ours.next()?;
    let kind = Kind::of(&attribute, krate)?;
    for extra in ours {
        errors.at(
            extra.path(),
            format!("this method already has {kind}; a method has one of these attributes"),
        );
    }
    Some((kind, attribute))
}
