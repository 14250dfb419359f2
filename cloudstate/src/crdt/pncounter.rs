//! A counter that grows and shrinks.

use cloudstate_protocol::cloudstate::crdt::{PnCounterDelta, crdt_delta::Delta};

use super::{CrdtError, CrdtType, replicated::Replicated};

/// A counter that grows and shrinks.
///
/// Beyond the ends of `i64` it wraps around, so that it counts the same in whatever order the changes arrive.
///
/// ```
/// use cloudstate::crdt::PNCounter;
///
/// let mut stock = PNCounter::default();
/// stock.increment(5);
/// stock.decrement(7);
/// assert_eq!(stock.value(), -2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct PNCounter {
    value: i64,
    pending: i64,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

impl PNCounter {
    /// What all nodes have counted, as far as this one knows.
    pub fn value(&self) -> i64 {
        self.value
    }

    /// Adds `by`, which may be negative.
    pub fn increment(&mut self, by: i64) {
        self.value = self.value.wrapping_add(by);
        self.pending = self.pending.wrapping_add(by);
    }

    /// Subtracts `by`, which may be negative.
    pub fn decrement(&mut self, by: i64) {
        self.increment(by.wrapping_neg());
    }
}

impl PartialEq for PNCounter {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Replicated for PNCounter {
    fn delta(&self) -> Option<Delta> {
        (self.pending != 0).then_some(Delta::Pncounter(PnCounterDelta {
            change: self.pending,
        }))
    }

    fn whole(&self) -> Delta {
        Delta::Pncounter(PnCounterDelta { change: self.value })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.pending = 0;
    }

    fn roll_back(&mut self) {
        self.value = self.value.wrapping_sub(self.pending);
        self.pending = 0;
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Pncounter(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::PNCounter, &delta));
        };
        self.value = self.value.wrapping_add(delta.change);
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let mut counter = Self::default();
        counter.apply(delta)?;
        counter.attached = true;
        Ok(counter)
    }
}
