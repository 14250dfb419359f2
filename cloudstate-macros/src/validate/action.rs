//! Options of an action.

use syn::ItemStruct;

use super::entity::service;
use crate::{
    attrs::{ActionOptions, CratePath},
    errors::Errors,
    model::Action,
};

/// An action of what its options say.
pub(crate) fn action(options: ActionOptions, item: ItemStruct, errors: &mut Errors) -> Action {
    Action {
        service: service(
            ("action", "action"),
            options.service.as_ref(),
            options.extern_service.as_ref(),
            errors,
        ),
        krate: CratePath::new(options.krate),
        register: options.register.unwrap_or(true),
        item,
    }
}
