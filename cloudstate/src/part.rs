//! Handlers in several `impl` blocks: the first says how many there are, each of the others is a part.

use crate::{
    Any, Context, Entity, EventContext, Handlers, ReplayError,
    handler::{Command, Handled},
    private::no_handler,
};

/// An entity with a block `#[handlers(part = PART)]`.
#[diagnostic::on_unimplemented(
    message = "block {PART} of the handlers of `{Self}` is missing",
    label = "no `#[handlers(part = {PART})]` found",
    note = "write `#[handlers(part = {PART})]` above one more `impl {Self}` block, or a smaller number of `parts`"
)]
pub trait HandlersPart<const PART: usize>: Announces<PART> {
    /// Names of the rpcs that have a handler in the block.
    const HANDLED_HERE: &'static [&'static str];
    /// Whether the block is without mistakes; otherwise it may lack handlers that are in the source.
    const IS_SOUND: bool;

    /// As [`Handlers::handle`].
    fn handle_here(context: &mut Context<Self>, command: Command) -> Handled;

    /// As [`Handlers::replay`].
    ///
    /// # Errors
    /// As [`Handlers::replay`].
    fn replay_here(&mut self, event: &Any, context: &EventContext<'_>) -> Result<(), ReplayError>;
}

/// An entity whose first block of handlers says that there is a block `PART`.
#[diagnostic::on_unimplemented(
    message = "the first block of the handlers of `{Self}` knows nothing of block {PART}",
    label = "this block is never used",
    note = "write `#[handlers(parts = {PART})]` above the block that has no `part`"
)]
pub trait Announces<const PART: usize>: Entity {}

/// The handlers of one block, as values. As a constant it asks once that the block is there.
#[derive(Debug)]
pub struct Part<E: Entity> {
    pub(crate) handled: &'static [&'static str],
    pub(crate) is_sound: bool,
    handle: fn(&mut Context<E>, Command) -> Handled,
    replay: fn(&mut E, &Any, &EventContext<'_>) -> Result<(), ReplayError>,
}

/// The block `PART` of the handlers of `E`.
pub const fn part<E: HandlersPart<PART>, const PART: usize>() -> Part<E> {
    Part {
        handled: E::HANDLED_HERE,
        is_sound: E::IS_SOUND,
        handle: E::handle_here,
        replay: E::replay_here,
    }
}

/// Runs a command that the first block does not handle.
pub fn handle_in_parts<E: Handlers>(context: &mut Context<E>, command: Command) -> Handled {
    let handles_it = |part: &&Part<E>| part.handled.contains(&command.name);
    match E::PARTS.iter().find(handles_it) {
        Some(part) => (part.handle)(context, command),
        None => Handled::Unknown,
    }
}

/// Applies a stored event that the first block does not handle.
///
/// # Errors
/// No block has a handler for it, or its bytes are not such an event.
pub fn replay_in_parts<E: Handlers>(
    state: &mut E,
    event: &Any,
    context: &EventContext<'_>,
) -> Result<(), ReplayError> {
    for part in E::PARTS {
        match (part.replay)(state, event, context) {
            Err(ReplayError::NoHandler { .. }) => {}
            replayed => return replayed,
        }
    }
    Err(no_handler::<E>(event, "event"))
}
