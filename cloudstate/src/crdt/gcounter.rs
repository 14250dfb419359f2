//! A counter that grows.

use cloudstate_protocol::cloudstate::crdt::{GCounterDelta, crdt_delta::Delta};

use super::{CrdtError, CrdtType, replicated::Replicated};

/// A counter that grows.
///
/// ```
/// use cloudstate::crdt::GCounter;
///
/// let mut visits = GCounter::default();
/// visits.increment(2);
/// assert_eq!(visits.value(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct GCounter {
    value: u64,
    pending: u64,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

impl GCounter {
    /// What all nodes have counted, as far as this one knows.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// Adds `by`; the counter stays at `u64::MAX` once it is there.
    pub fn increment(&mut self, by: u64) {
        let by = by.min(u64::MAX - self.value);
        self.value += by;
        self.pending += by;
    }
}

impl PartialEq for GCounter {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Replicated for GCounter {
    fn delta(&self) -> Option<Delta> {
        (self.pending != 0).then_some(Delta::Gcounter(GCounterDelta {
            increment: self.pending,
        }))
    }

    fn whole(&self) -> Delta {
        Delta::Gcounter(GCounterDelta {
            increment: self.value,
        })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.pending = 0;
    }

    fn roll_back(&mut self) {
        self.value -= self.pending;
        self.pending = 0;
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Gcounter(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::GCounter, &delta));
        };
        self.value = self.value.saturating_add(delta.increment);
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let mut counter = Self::default();
        counter.apply(delta)?;
        counter.attached = true;
        Ok(counter)
    }
}
