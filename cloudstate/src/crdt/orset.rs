//! A set with removal.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::{OrSetDelta, crdt_delta::Delta};

use super::{
    CrdtError, CrdtType,
    element::{Reader, Writer},
    replicated::Replicated,
};
use crate::Payload;

/// A set whose elements can be removed.
///
/// A removal removes what this node has observed: an element that another node adds at the same time stays.
///
/// ```
/// use cloudstate::crdt::ORSet;
///
/// let mut present = ORSet::<String>::default();
/// present.insert("ada".into());
/// assert!(present.remove(&"ada".into()));
/// assert!(present.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct ORSet<T> {
    elements: BTreeMap<Bytes, T>,
    pending: Pending<T>,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

/// What the running command has changed.
#[derive(Clone, Debug)]
struct Pending<T> {
    /// The elements before the command, if it has cleared the set. What follows came after.
    cleared: Option<BTreeMap<Bytes, T>>,
    /// Elements that were there before, and are not now.
    removed: BTreeMap<Bytes, T>,
    /// Keys of the elements that were not there before, and are now.
    added: BTreeSet<Bytes>,
}

impl<T: Payload> ORSet<T> {
    /// Adds an element; gives whether it was not in the set yet.
    pub fn insert(&mut self, element: T) -> bool {
        let key = element.encode();
        if self.elements.contains_key(&key) {
            return false;
        }
        if self.pending.removed.remove(&key).is_none() {
            self.pending.added.insert(key.clone());
        }
        self.elements.insert(key, element);
        true
    }

    /// Removes an element; gives whether it was in the set.
    pub fn remove(&mut self, element: &T) -> bool {
        let key = element.encode();
        let Some(element) = self.elements.remove(&key) else {
            return false;
        };
        if !self.pending.added.remove(&key) {
            self.pending.removed.insert(key, element);
        }
        true
    }

    /// Whether the element is in the set.
    pub fn contains(&self, element: &T) -> bool {
        self.elements.contains_key(&element.encode())
    }
}

impl<T> ORSet<T> {
    /// Removes all elements, also those that the proxy knows and this node does not know yet.
    pub fn clear(&mut self) {
        if self.pending.cleared.is_some() {
            self.elements.clear();
            self.pending.added.clear();
        } else {
            self.undo();
            self.pending.cleared = Some(mem::take(&mut self.elements));
        }
    }

    /// The elements, in the order of their encoded bytes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.elements.values()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    fn undo(&mut self) {
        let Pending {
            cleared,
            mut removed,
            added,
        } = mem::take(&mut self.pending);
        if let Some(before) = cleared {
            self.elements = before;
            return;
        }
        for key in added {
            self.elements.remove(&key);
        }
        self.elements.append(&mut removed);
    }
}

impl<T> Default for ORSet<T> {
    fn default() -> Self {
        Self {
            elements: BTreeMap::new(),
            pending: Pending::default(),
            attached: false,
        }
    }
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            cleared: None,
            removed: BTreeMap::new(),
            added: BTreeSet::new(),
        }
    }
}

impl<T> PartialEq for ORSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.elements.keys().eq(other.elements.keys())
    }
}

impl<T: Payload> Extend<T> for ORSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.insert(element);
        }
    }
}

impl<T: Payload> Replicated for ORSet<T> {
    fn delta(&self) -> Option<Delta> {
        let Pending {
            cleared,
            removed,
            added,
        } = &self.pending;
        if cleared.is_none() && removed.is_empty() && added.is_empty() {
            return None;
        }
        let elements = Writer::new::<T>();
        Some(Delta::Orset(OrSetDelta {
            cleared: cleared.is_some(),
            removed: elements.write_all(removed.keys()),
            added: elements.write_all(added),
        }))
    }

    fn whole(&self) -> Delta {
        Delta::Orset(OrSetDelta {
            cleared: false,
            removed: Vec::new(),
            added: Writer::new::<T>().write_all(self.elements.keys()),
        })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.pending = Pending::default();
    }

    fn roll_back(&mut self) {
        self.undo();
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Orset(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::ORSet, &delta));
        };
        if delta.cleared {
            self.elements.clear();
        }
        let removed = Reader::new::<T>("ORSetDelta.removed");
        for any in delta.removed {
            self.elements.remove(&removed.key(any)?);
        }
        let added = Reader::new::<T>("ORSetDelta.added");
        for any in delta.added {
            let (key, element) = added.element(any)?;
            self.elements.insert(key, element);
        }
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let mut set = Self::default();
        set.apply(delta)?;
        set.attached = true;
        Ok(set)
    }
}
