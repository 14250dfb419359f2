//! A copy as stored messages.

use std::collections::HashMap;

use bytestring::ByteString;

use super::{
    super::{
        data::{Data, Elements, Entries, Write},
        dot::{Dots, Seen},
    },
    message::{
        Kind, StoredBalances, StoredCounts, StoredData, StoredEntry, StoredMap, StoredMarks,
        StoredSet, StoredWrites,
    },
};

/// Collects the type URLs on the way.
pub(super) struct Writer<'a> {
    seen: &'a Seen,
    type_urls: Vec<String>,
    indices: HashMap<ByteString, u32>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(seen: &'a Seen) -> Self {
        Self {
            seen,
            type_urls: Vec::new(),
            indices: HashMap::new(),
        }
    }

    /// The type URLs, in the order of their indices.
    pub(super) fn into_type_urls(self) -> Vec<String> {
        self.type_urls
    }

    pub(super) fn data(&mut self, data: &Data) -> StoredData {
        let kind = match data {
            Data::GCounter(counts) => Kind::GCounter(StoredCounts {
                dots: self.dots_of(counts),
                counts: counts.iter().map(|dotted| dotted.value).collect(),
            }),
            Data::PnCounter(counts) => Kind::PnCounter(StoredBalances {
                dots: self.dots_of(counts),
                counts: counts.iter().map(|dotted| dotted.value).collect(),
            }),
            Data::GSet(elements) => Kind::GSet(self.set(elements)),
            Data::OrSet(elements) => Kind::OrSet(self.set(elements)),
            Data::LwwRegister(writes) => Kind::LwwRegister(self.writes(writes)),
            Data::Flag(enabled) => Kind::Flag(StoredMarks {
                dots: self.dots_of(enabled),
            }),
            Data::OrMap(entries) => Kind::OrMap(self.map(entries)),
            Data::Vote(votes) => Kind::Vote(StoredMarks {
                dots: self.dots_of(votes),
            }),
        };
        StoredData { kind: Some(kind) }
    }

    fn set(&mut self, elements: &Elements) -> StoredSet {
        let mut set = StoredSet {
            dots: Vec::with_capacity(elements.len() * 3),
            types: Vec::with_capacity(elements.len()),
            values: Vec::with_capacity(elements.len()),
        };
        for (element, dots) in elements {
            let payload = element.payload();
            self.dots(dots, &mut set.dots);
            set.types.push(self.type_index(&payload.type_url));
            set.values.push(payload.value.clone());
        }
        set
    }

    fn writes(&mut self, writes: &Dots<Write>) -> StoredWrites {
        let mut stored = StoredWrites {
            dots: self.dots_of(writes),
            ..StoredWrites::default()
        };
        for write in writes.iter().map(|dotted| &dotted.value) {
            stored.types.push(self.type_index(&write.value.type_url));
            stored.values.push(write.value.value.clone());
            stored.timestamps.push(write.timestamp);
        }
        stored
    }

    fn map(&mut self, entries: &Entries) -> StoredMap {
        let entry =
            |((key, _), entry): (&(super::super::Element, _), &super::super::data::Entry)| {
                let key = key.payload();
                StoredEntry {
                    present: self.dots_of(&entry.present),
                    key_type: self.type_index(&key.type_url),
                    key: key.value.clone(),
                    data: Some(self.data(&entry.data)),
                }
            };
        StoredMap {
            entries: entries.iter().map(entry).collect(),
        }
    }

    fn dots_of<T>(&self, dots: &Dots<T>) -> Vec<u64> {
        let mut column = Vec::with_capacity(3);
        self.dots(dots, &mut column);
        column
    }

    fn dots<T>(&self, dots: &Dots<T>, column: &mut Vec<u64>) {
        column.push(dots.iter().len() as u64);
        for dotted in dots.iter() {
            let replicas = self.seen.last();
            // Whatever has a dot has been seen.
            let index = replicas.partition_point(|last| last.replica < dotted.dot.replica);
            column.extend([index as u64, dotted.dot.sequence]);
        }
    }

    fn type_index(&mut self, type_url: &ByteString) -> u32 {
        if let Some(&index) = self.indices.get(type_url) {
            return index;
        }
        let index = u32::try_from(self.type_urls.len()).unwrap_or(u32::MAX);
        self.type_urls.push(type_url.to_string());
        self.indices.insert(type_url.clone(), index);
        index
    }
}
