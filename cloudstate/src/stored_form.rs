//! How the state of a value entity becomes bytes and comes back: by its snapshot methods, or as it is.

use cloudstate_protocol::Any;

use crate::{
    Handlers, Payload, ReplayError, Snapshots, ValueEntity,
    private::{no_handler, restore, take_snapshot, undecodable},
};

/// How the state of an entity is written and read. As a constant it asks once that both can be done.
#[derive(Clone, Copy, Debug)]
pub struct StoredForm<E> {
    pub(crate) store: fn(&E) -> Any,
    pub(crate) load: fn(&mut E, &Any) -> Result<(), ReplayError>,
}

/// What the entity's pair of snapshot methods says.
pub const fn of_snapshots<E: SavedAndRestored>() -> StoredForm<E> {
    E::FORM
}

/// The struct itself.
pub const fn of_whole<E: Handlers + ValueEntity + Payload>() -> StoredForm<E> {
    StoredForm {
        store: E::to_any,
        load: |state, value| {
            let read = E::from_any(value)
                .or_else(|| E::read_older(value))
                .ok_or_else(|| no_handler::<E>(value, "value"))?;
            *state = read.map_err(|error| undecodable(value, "value", error))?;
            Ok(())
        },
    }
}

/// A value entity with snapshot methods, which are how its state is stored.
#[diagnostic::on_unimplemented(
    message = "how is the state of `{Self}` stored? a value entity needs a stored form",
    label = "no `#[snapshot]` and `#[snapshot_handler]` found",
    note = "write `#[snapshot] fn save(&self) -> T` and `#[snapshot_handler] fn restore(&mut self, saved: T)` in the \
            `#[handlers]` block of `{Self}`",
    note = "or, to store the struct itself, write `#[value_entity(.., json)]` and derive `serde::Serialize` and \
            `serde::Deserialize`"
)]
pub trait SavedAndRestored: Sized {
    /// The form that the methods have.
    const FORM: StoredForm<Self>;
}

#[diagnostic::do_not_recommend]
impl<E: Snapshots> SavedAndRestored for E {
    const FORM: StoredForm<Self> = StoredForm {
        store: take_snapshot,
        load: |state, value| {
            restore(state, value, "value").unwrap_or_else(|| Err(no_handler::<E>(value, "value")))
        },
    };
}

/// Implemented for a value entity by its option `json` and by its pair of snapshot methods, so that it does not compile
/// with both.
pub trait HasOneStoredForm {}
