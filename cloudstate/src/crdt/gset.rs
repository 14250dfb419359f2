//! A set that grows.

use std::{collections::BTreeMap, mem};

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::{GSetDelta, crdt_delta::Delta};

use super::{
    CrdtError, CrdtType,
    element::{Reader, Writer},
    replicated::Replicated,
};
use crate::Payload;

/// A set that grows.
///
/// ```
/// use cloudstate::crdt::GSet;
///
/// let mut visitors = GSet::<String>::default();
/// assert!(visitors.insert("ada".into()));
/// assert!(!visitors.insert("ada".into()));
/// assert_eq!(visitors.len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct GSet<T> {
    elements: BTreeMap<Bytes, T>,
    /// Keys of the elements that the running command has added.
    pending: Vec<Bytes>,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

impl<T: Payload> GSet<T> {
    /// Adds an element; gives whether it was not in the set yet.
    pub fn insert(&mut self, element: T) -> bool {
        let key = element.encode();
        if self.elements.contains_key(&key) {
            return false;
        }
        self.pending.push(key.clone());
        self.elements.insert(key, element);
        true
    }

    /// Whether the element is in the set.
    pub fn contains(&self, element: &T) -> bool {
        self.elements.contains_key(&element.encode())
    }
}

impl<T> GSet<T> {
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
}

impl<T> Default for GSet<T> {
    fn default() -> Self {
        Self {
            elements: BTreeMap::new(),
            pending: Vec::new(),
            attached: false,
        }
    }
}

impl<T> PartialEq for GSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.elements.keys().eq(other.elements.keys())
    }
}

impl<T: Payload> Extend<T> for GSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.insert(element);
        }
    }
}

impl<T: Payload> Replicated for GSet<T> {
    fn delta(&self) -> Option<Delta> {
        (!self.pending.is_empty()).then(|| {
            Delta::Gset(GSetDelta {
                added: Writer::new::<T>().write_all(&self.pending),
            })
        })
    }

    fn whole(&self) -> Delta {
        Delta::Gset(GSetDelta {
            added: Writer::new::<T>().write_all(self.elements.keys()),
        })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.pending.clear();
    }

    fn roll_back(&mut self) {
        for key in mem::take(&mut self.pending) {
            self.elements.remove(&key);
        }
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Gset(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::GSet, &delta));
        };
        let added = Reader::new::<T>("GSetDelta.added");
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
