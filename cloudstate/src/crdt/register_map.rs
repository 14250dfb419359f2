//! A map of registers.

use cloudstate_protocol::cloudstate::crdt::crdt_delta::Delta;

use super::{Clock, CrdtError, LWWRegister, ORMap, replicated::Replicated};
use crate::Payload;

/// A map of values of which, for each key, the last write counts: an [`ORMap`] of [`LWWRegister`]s.
///
/// ```
/// use cloudstate::crdt::LWWRegisterMap;
///
/// let mut prices = LWWRegisterMap::<String, i64>::default();
/// prices.insert("apple".into(), 25);
/// assert_eq!(prices.get(&"apple".into()), Some(&25));
/// ```
#[derive(Clone, Debug)]
pub struct LWWRegisterMap<K, T> {
    registers: ORMap<K, LWWRegister<T>>,
}

impl<K: Payload, T: Payload> LWWRegisterMap<K, T> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&T> {
        self.registers.get(key).map(LWWRegister::get)
    }

    /// Writes the value of a key.
    pub fn insert(&mut self, key: K, value: T) {
        self.insert_with(key, value, Clock::Default);
    }

    /// Writes the value of a key by a clock.
    pub fn insert_with(&mut self, key: K, value: T, clock: Clock) {
        match self.registers.get_mut(&key) {
            Some(register) => register.set_with(value, clock),
            None => {
                let create = || LWWRegister::new_with(value, clock);
                self.registers.get_or_insert_with(key, create);
            }
        }
    }

    /// Removes a key; gives whether it was in the map.
    pub fn remove(&mut self, key: &K) -> bool {
        self.registers.remove(key)
    }

    /// Removes all keys, also those that the proxy knows and this node does not know yet.
    pub fn clear(&mut self) {
        self.registers.clear();
    }

    /// Whether the key is in the map.
    pub fn contains_key(&self, key: &K) -> bool {
        self.registers.contains_key(key)
    }

    /// The keys and their values, in the order of the keys' encoded bytes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &T)> + ExactSizeIterator {
        let entries = self.registers.iter();
        entries.map(|(key, register)| (key, register.get()))
    }
}

impl<K, T> LWWRegisterMap<K, T> {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.registers.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.registers.is_empty()
    }
}

impl<K, T> Default for LWWRegisterMap<K, T> {
    fn default() -> Self {
        Self {
            registers: ORMap::default(),
        }
    }
}

impl<K, T> PartialEq for LWWRegisterMap<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.registers == other.registers
    }
}

impl<K: Payload, T: Payload> Replicated for LWWRegisterMap<K, T> {
    fn delta(&self) -> Option<Delta> {
        self.registers.delta()
    }

    fn whole(&self) -> Delta {
        self.registers.whole()
    }

    fn is_attached(&self) -> bool {
        self.registers.is_attached()
    }

    fn settle(&mut self) {
        self.registers.settle();
    }

    fn roll_back(&mut self) {
        self.registers.roll_back();
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        self.registers.apply(delta)
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let registers = ORMap::from_delta(delta)?;
        Ok(Self { registers })
    }
}
