//! A boolean that is switched on once.

use cloudstate_protocol::cloudstate::crdt::{FlagDelta, crdt_delta::Delta};

use super::{CrdtError, CrdtType, replicated::Replicated};

/// A boolean that begins as `false`, and stays `true` once any node has switched it on.
///
/// ```
/// use cloudstate::crdt::Flag;
///
/// let mut closed = Flag::default();
/// closed.enable();
/// assert!(closed.is_enabled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Flag {
    enabled: bool,
    pending: bool,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

impl Flag {
    /// Whether a node has switched it on, as far as this one knows.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Switches it on; once it is on, this does nothing.
    pub fn enable(&mut self) {
        self.pending |= !self.enabled;
        self.enabled = true;
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.enabled == other.enabled
    }
}

impl Replicated for Flag {
    fn delta(&self) -> Option<Delta> {
        self.pending
            .then_some(Delta::Flag(FlagDelta { value: true }))
    }

    fn whole(&self) -> Delta {
        Delta::Flag(FlagDelta {
            value: self.enabled,
        })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.pending = false;
    }

    fn roll_back(&mut self) {
        self.enabled &= !self.pending;
        self.pending = false;
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Flag(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::Flag, &delta));
        };
        self.enabled |= delta.value;
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let mut flag = Self::default();
        flag.apply(delta)?;
        flag.attached = true;
        Ok(flag)
    }
}
