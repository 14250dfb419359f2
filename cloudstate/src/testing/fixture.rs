//! What the tests of all kinds of entity begin with.

use cloudstate_protocol::cloudstate::{ClientAction, Failure, client_action::Action};

use crate::{Cloudstate, EntityId, Handlers, UserFunction, kind::Hosts};

/// A user function that serves one type of entity.
#[track_caller]
pub(super) fn user_function<E: Handlers>(
    create: impl Fn(&EntityId) -> E + Send + Sync + 'static,
) -> UserFunction
where
    E::Kind: Hosts<E>,
{
    checked::<E>(Cloudstate::new().service_name("test").register_with(create))
}

/// A user function of what serves `T`.
#[track_caller]
pub(super) fn checked<T>(service: Cloudstate) -> UserFunction {
    match service.into_user_function() {
        Ok(user_function) => user_function,
        Err(error) => panic!("{} cannot be served: {error}", std::any::type_name::<T>()),
    }
}

/// Whether a command failed so late that the state in memory is of no use any more.
pub(super) fn asks_for_restart(action: Option<&ClientAction>) -> bool {
    matches!(
        action.and_then(|action| action.action.as_ref()),
        Some(Action::Failure(failure)) if failure.restart
    )
}

/// What broke an entity down, without what the protocol puts in front of it.
pub(super) fn defect(failure: &Failure) -> String {
    defect_text(&failure.description)
}

/// As [`defect`], of the text alone.
pub(super) fn defect_text(text: &str) -> String {
    text.strip_prefix("Unexpected failure: ")
        .or_else(|| text.strip_prefix("Value entity unexpected failure: "))
        .or_else(|| text.strip_prefix("CRDT entity unexpected failure: "))
        .unwrap_or(text)
        .into()
}
