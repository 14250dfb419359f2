//! What the entity asks of every replicated data type; users see only the types' own operations.

use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
pub(crate) use cloudstate_protocol::cloudstate::crdt::crdt_delta::Delta;

use super::CrdtError;

/// A value that knows what has changed since the proxy was last told.
///
/// A change is *pending* until [`settle`](Self::settle) or [`roll_back`](Self::roll_back). A new value's content is
/// pending too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a replicated data type",
    label = "cannot be replicated",
    note = "use a type of `cloudstate::crdt`: `GCounter`, `PNCounter`, `GSet`, `ORSet`, `LWWRegister`, `Flag`, `ORMap`, \
            `LWWRegisterMap`, `PNCounterMap`, `Vote` or `AnyCrdt`"
)]
pub trait Replicated: Sized {
    /// The pending change; `None` if there is none, or if what was done amounts to nothing.
    fn delta(&self) -> Option<Delta>;

    /// The value as a change of the empty value of its type; a vote's is this node's alone.
    fn whole(&self) -> Delta;

    /// Whether it is a value that was settled, or came from a delta, and so are its parts that were there before.
    ///
    /// Otherwise somebody has put a new value in its place (`room.present = ORSet::default()`), which no delta can tell
    /// the proxy and nothing can undo.
    fn is_attached(&self) -> bool;

    /// Ends a command that succeeded: what was pending is known to the proxy now, or amounts to nothing.
    fn settle(&mut self);

    /// Undoes what is pending. The creation of a register stays, for it has no value before the first.
    fn roll_back(&mut self);

    /// Applies a change that the proxy sent. Nothing may be pending.
    ///
    /// # Errors
    /// The change is of another type, or has contents of another type. The value may be half changed then.
    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError>;

    /// The value that a change makes of the empty one; nothing is pending.
    ///
    /// # Errors
    /// The change is of another type, or has contents of another type.
    fn from_delta(delta: Delta) -> Result<Self, CrdtError>;

    /// Takes the value that a change makes of the empty one, whatever it was before. It stays of its type.
    ///
    /// # Errors
    /// The change is of another type, or has contents of another type.
    fn reload(&mut self, delta: Delta) -> Result<(), CrdtError> {
        *self = Self::from_delta(delta)?;
        Ok(())
    }
}

/// The delta as a message.
pub(crate) fn message(delta: Delta) -> CrdtDelta {
    CrdtDelta { delta: Some(delta) }
}

/// The delta in a message.
///
/// # Errors
/// There is none.
pub(crate) fn content(message: Option<CrdtDelta>) -> Result<Delta, CrdtError> {
    message
        .and_then(|message| message.delta)
        .ok_or(CrdtError::Missing {
            field: "CrdtDelta.delta",
        })
}
