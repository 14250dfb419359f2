//! The replicated field of an entity.

use syn::{Attribute, Field, Index, ItemStruct, Member, Meta};

use crate::{
    attrs::{self, CratePath},
    errors::Errors,
    model::{EntityKind, ReplicatedField},
};

/// Takes `#[crdt]` off the fields, and gives the one field that a CRDT entity replicates.
pub(super) fn field(
    kind: EntityKind,
    item: &mut ItemStruct,
    krate: &CratePath,
    errors: &mut Errors,
) -> Option<ReplicatedField> {
    let mut marked = Vec::new();
    for (index, field) in item.fields.iter_mut().enumerate() {
        let is_ours = |attribute: &mut Attribute| attrs::is_crdt(attribute, krate);
        let ours: Vec<_> = field.attrs.extract_if(.., is_ours).collect();
        for attribute in &ours {
            no_options(attribute, errors);
        }
        let Some(attribute) = ours.into_iter().next() else {
            continue;
        };
        if kind != EntityKind::Crdt {
            errors.at(
                attribute,
                format!(
                    "{} has no replicated field: remove `#[crdt]`, or write `#[crdt_entity(service = ..)]` above the struct",
                    kind.noun()
                ),
            );
        } else if marked.is_empty() {
            marked.push(replicated(index, field));
        } else {
            errors.at(
                attribute,
                "an entity replicates one value: remove this `#[crdt]`; an `ORMap` holds several values",
            );
        }
    }
    if kind != EntityKind::Crdt || !marked.is_empty() {
        return marked.pop();
    }
    let mut fields = item.fields.iter().enumerate();
    match (fields.next(), fields.next()) {
        (Some((index, field)), None) => Some(replicated(index, field)),
        (None, _) => {
            errors.at(
                &item.ident,
                "a CRDT entity holds one replicated value: give it a field of a type of `cloudstate::crdt`, such as \
                 `present: ORSet<String>`",
            );
            None
        }
        (Some(_), Some(_)) => {
            errors.at(
                &item.ident,
                "which field is replicated? write `#[crdt]` above it",
            );
            None
        }
    }
}

fn replicated(index: usize, field: &Field) -> ReplicatedField {
    let member = match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(Index::from(index)),
    };
    ReplicatedField {
        member,
        ty: field.ty.clone(),
    }
}

fn no_options(attribute: &Attribute, errors: &mut Errors) {
    if !matches!(attribute.meta, Meta::Path(_)) {
        errors.at(attribute, "`#[crdt]` has no options: write it alone");
    }
}
