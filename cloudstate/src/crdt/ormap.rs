//! A map of replicated values.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::{OrMapDelta, OrMapEntryDelta, crdt_delta::Delta};

use super::{
    Crdt, CrdtError, CrdtType,
    element::{Reader, Writer},
    replicated::{self, Replicated},
};
use crate::Payload;

/// A map of replicated values, which merge by their own type.
///
/// A value is created in the map ([`get_or_default`](Self::get_or_default)) and changed in its place; there is no way to
/// put one over another, because such a value could not be merged. A removal removes what this node has observed: a key
/// that another node updates at the same time may stay.
///
/// ```
/// use cloudstate::crdt::{ORMap, PNCounter};
///
/// let mut stock = ORMap::<String, PNCounter>::default();
/// stock.get_or_default("apples".into()).increment(3);
/// assert_eq!(stock.get(&"apples".into()).map(PNCounter::value), Some(3));
/// ```
#[derive(Clone, Debug)]
pub struct ORMap<K, V> {
    entries: Entries<K, V>,
    pending: Pending<K, V>,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

type Entries<K, V> = BTreeMap<Bytes, Entry<K, V>>;

#[derive(Clone, Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
}

/// What the running command has changed.
#[derive(Clone, Debug)]
struct Pending<K, V> {
    /// The entries before the command, if it has cleared the map. What follows came after.
    cleared: Option<Entries<K, V>>,
    /// Entries that were there before and were removed; a new one may be there instead.
    removed: Entries<K, V>,
    /// Entries that were not there before, or not as they are now.
    added: BTreeSet<Bytes>,
    /// Entries of before that were lent for writing. They know themselves what has changed.
    lent: BTreeSet<Bytes>,
}

impl<K: Payload, V: Crdt> ORMap<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(&key.encode()).map(|entry| &entry.value)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let encoded = key.encode();
        let entry = self.entries.get_mut(&encoded)?;
        if !self.pending.added.contains(&encoded) {
            self.pending.lent.insert(encoded);
        }
        Some(&mut entry.value)
    }

    /// The value of a key, to change it; if there is none, an empty one is created.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// The value of a key, to change it; if there is none, it is created.
    pub fn get_or_insert_with(&mut self, key: K, create: impl FnOnce() -> V) -> &mut V {
        let encoded = key.encode();
        let pending = &mut self.pending;
        if !self.entries.contains_key(&encoded) {
            pending.added.insert(encoded.clone());
        } else if !pending.added.contains(&encoded) {
            pending.lent.insert(encoded.clone());
        }
        let entry = self.entries.entry(encoded).or_insert_with(|| Entry {
            key,
            value: create(),
        });
        &mut entry.value
    }

    /// Removes a key and its value; gives whether it was in the map.
    pub fn remove(&mut self, key: &K) -> bool {
        let encoded = key.encode();
        let Some(mut entry) = self.entries.remove(&encoded) else {
            return false;
        };
        if self.pending.added.remove(&encoded) {
            return true;
        }
        if self.pending.lent.remove(&encoded) {
            entry.value.roll_back();
        }
        self.pending.removed.insert(encoded, entry);
        true
    }

    /// Removes all keys, also those that the proxy knows and this node does not know yet.
    pub fn clear(&mut self) {
        if self.pending.cleared.is_some() {
            self.entries.clear();
            self.pending.added.clear();
        } else {
            self.undo();
            self.pending.cleared = Some(mem::take(&mut self.entries));
        }
    }

    /// Whether the key is in the map.
    pub fn contains_key(&self, key: &K) -> bool {
        self.entries.contains_key(&key.encode())
    }

    fn undo(&mut self) {
        let Pending {
            cleared,
            mut removed,
            added,
            lent,
        } = mem::take(&mut self.pending);
        if let Some(before) = cleared {
            self.entries = before;
            return;
        }
        for key in lent {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.value.roll_back();
            }
        }
        for key in added {
            self.entries.remove(&key);
        }
        self.entries.append(&mut removed);
    }
}

impl<K, V> ORMap<K, V> {
    /// The keys and their values, in the order of the keys' encoded bytes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator {
        self.entries
            .values()
            .map(|entry| (&entry.key, &entry.value))
    }

    /// The keys, in the order of their encoded bytes.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator {
        self.entries.values().map(|entry| &entry.key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator {
        self.entries.values().map(|entry| &entry.value)
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K, V> Default for ORMap<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            pending: Pending::default(),
            attached: false,
        }
    }
}

impl<K, V> Default for Pending<K, V> {
    fn default() -> Self {
        Self {
            cleared: None,
            removed: BTreeMap::new(),
            added: BTreeSet::new(),
            lent: BTreeSet::new(),
        }
    }
}

impl<K, V: PartialEq> PartialEq for ORMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries.keys().eq(other.entries.keys()) && self.values().eq(other.values())
    }
}

impl<K: Payload, V: Crdt> Replicated for ORMap<K, V> {
    fn delta(&self) -> Option<Delta> {
        let Pending {
            cleared,
            removed,
            added,
            lent,
        } = &self.pending;
        let keys = Writer::new::<K>();
        let updated: Vec<_> = lent
            .iter()
            .filter_map(|key| {
                let delta = self.entries.get(key)?.value.delta()?;
                Some(entry_delta(&keys, key, delta))
            })
            .collect();
        if cleared.is_none() && removed.is_empty() && updated.is_empty() && added.is_empty() {
            return None;
        }
        let added = added.iter().filter_map(|key| {
            let delta = self.entries.get(key)?.value.whole();
            Some(entry_delta(&keys, key, delta))
        });
        Some(Delta::Ormap(OrMapDelta {
            cleared: cleared.is_some(),
            removed: keys.write_all(removed.keys()),
            updated,
            added: added.collect(),
        }))
    }

    fn whole(&self) -> Delta {
        let keys = Writer::new::<K>();
        let added = self
            .entries
            .iter()
            .map(|(key, entry)| entry_delta(&keys, key, entry.value.whole()));
        Delta::Ormap(OrMapDelta {
            added: added.collect(),
            ..OrMapDelta::default()
        })
    }

    fn is_attached(&self) -> bool {
        let mut lent = self.pending.lent.iter();
        let is_attached = |key| {
            let entry: Option<&Entry<K, V>> = self.entries.get(key);
            entry.is_none_or(|entry| entry.value.is_attached())
        };
        self.attached && lent.all(is_attached)
    }

    fn settle(&mut self) {
        self.attached = true;
        let Pending { added, lent, .. } = mem::take(&mut self.pending);
        for key in added.iter().chain(&lent) {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.value.settle();
            }
        }
    }

    fn roll_back(&mut self) {
        self.undo();
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Ormap(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::ORMap, &delta));
        };
        if delta.cleared {
            self.entries.clear();
        }
        let removed = Reader::new::<K>("ORMapDelta.removed");
        for any in delta.removed {
            self.entries.remove(&removed.key(any)?);
        }
        let updated = Reader::new::<K>("ORMapDelta.updated.key");
        for update in delta.updated {
            let key = updated.key(update.key.ok_or_else(|| updated.missing())?)?;
            match self.entries.get_mut(&key) {
                Some(entry) => entry.value.apply(replicated::content(update.delta)?)?,
                None => tracing::warn!("ignored an update of a map for a key that is not in it"),
            }
        }
        let added = Reader::new::<K>("ORMapDelta.added.key");
        for addition in delta.added {
            let (encoded, key) = added.element(addition.key.ok_or_else(|| added.missing())?)?;
            let value = V::from_delta(replicated::content(addition.delta)?)?;
            self.entries.insert(encoded, Entry { key, value });
        }
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let mut map = Self::default();
        map.apply(delta)?;
        map.attached = true;
        Ok(map)
    }
}

fn entry_delta(keys: &Writer, key: &Bytes, delta: Delta) -> OrMapEntryDelta {
    OrMapEntryDelta {
        key: Some(keys.write(key)),
        delta: Some(replicated::message(delta)),
    }
}
