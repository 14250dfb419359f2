//! A map of counters.

use cloudstate_protocol::cloudstate::crdt::crdt_delta::Delta;

use super::{CrdtError, ORMap, PNCounter, replicated::Replicated};
use crate::Payload;

/// A map of counters that grow and shrink: an [`ORMap`] of [`PNCounter`]s.
///
/// ```
/// use cloudstate::crdt::PNCounterMap;
///
/// let mut stock = PNCounterMap::<String>::default();
/// stock.increment("apples".into(), 3);
/// stock.decrement("apples".into(), 1);
/// assert_eq!(stock.get(&"apples".into()), Some(2));
/// ```
#[derive(Clone, Debug)]
pub struct PNCounterMap<K> {
    counters: ORMap<K, PNCounter>,
}

impl<K: Payload> PNCounterMap<K> {
    /// What the counter of a key has counted; `None` if there is no such counter.
    pub fn get(&self, key: &K) -> Option<i64> {
        self.counters.get(key).map(PNCounter::value)
    }

    /// Adds `by`, which may be negative, to the counter of a key; a new counter begins at 0.
    pub fn increment(&mut self, key: K, by: i64) {
        self.counters.get_or_default(key).increment(by);
    }

    /// Subtracts `by`, which may be negative, from the counter of a key; a new counter begins at 0.
    pub fn decrement(&mut self, key: K, by: i64) {
        self.counters.get_or_default(key).decrement(by);
    }

    /// Removes a key; gives whether it was in the map.
    pub fn remove(&mut self, key: &K) -> bool {
        self.counters.remove(key)
    }

    /// Removes all keys, also those that the proxy knows and this node does not know yet.
    pub fn clear(&mut self) {
        self.counters.clear();
    }

    /// Whether the key is in the map.
    pub fn contains_key(&self, key: &K) -> bool {
        self.counters.contains_key(key)
    }

    /// The keys and what their counters have counted, in the order of the keys' encoded bytes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, i64)> + ExactSizeIterator {
        let entries = self.counters.iter();
        entries.map(|(key, counter)| (key, counter.value()))
    }
}

impl<K> PNCounterMap<K> {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.counters.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }
}

impl<K> Default for PNCounterMap<K> {
    fn default() -> Self {
        Self {
            counters: ORMap::default(),
        }
    }
}

impl<K> PartialEq for PNCounterMap<K> {
    fn eq(&self, other: &Self) -> bool {
        self.counters == other.counters
    }
}

impl<K: Payload> Replicated for PNCounterMap<K> {
    fn delta(&self) -> Option<Delta> {
        self.counters.delta()
    }

    fn whole(&self) -> Delta {
        self.counters.whole()
    }

    fn is_attached(&self) -> bool {
        self.counters.is_attached()
    }

    fn settle(&mut self) {
        self.counters.settle();
    }

    fn roll_back(&mut self) {
        self.counters.roll_back();
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        self.counters.apply(delta)
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let counters = ORMap::from_delta(delta)?;
        Ok(Self { counters })
    }
}
