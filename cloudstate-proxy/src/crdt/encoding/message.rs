//! The stored messages.

use bytes::Bytes;

use super::super::dot::{Dot, ReplicaId};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stored {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(string, repeated, tag = "2")]
    pub(super) type_urls: Vec<String>,
    /// In the order of replicas.
    #[prost(message, repeated, tag = "3")]
    pub(super) seen: Vec<StoredDot>,
    #[prost(message, optional, tag = "4")]
    pub(super) data: Option<StoredData>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct StoredDot {
    #[prost(uint64, tag = "1")]
    pub(super) replica: u64,
    #[prost(uint64, tag = "2")]
    pub(super) sequence: u64,
}

impl StoredDot {
    pub(super) fn read(&self) -> Dot {
        Dot::new(ReplicaId::new(self.replica), self.sequence)
    }
}

/// The field numbers are those of the protocol's `CrdtDelta`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredData {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(message, tag = "1")]
    GCounter(StoredCounts),
    #[prost(message, tag = "2")]
    PnCounter(StoredBalances),
    #[prost(message, tag = "3")]
    GSet(StoredSet),
    #[prost(message, tag = "4")]
    OrSet(StoredSet),
    #[prost(message, tag = "5")]
    LwwRegister(StoredWrites),
    #[prost(message, tag = "6")]
    Flag(StoredMarks),
    #[prost(message, tag = "7")]
    OrMap(StoredMap),
    #[prost(message, tag = "8")]
    Vote(StoredMarks),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredCounts {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) dots: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) counts: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredBalances {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) dots: Vec<u64>,
    #[prost(sint64, repeated, tag = "2")]
    pub(super) counts: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredMarks {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) dots: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredSet {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) dots: Vec<u64>,
    #[prost(uint32, repeated, tag = "2")]
    pub(super) types: Vec<u32>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) values: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredWrites {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) dots: Vec<u64>,
    #[prost(uint32, repeated, tag = "2")]
    pub(super) types: Vec<u32>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) values: Vec<Bytes>,
    #[prost(sint64, repeated, tag = "4")]
    pub(super) timestamps: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredMap {
    #[prost(message, repeated, tag = "1")]
    pub(super) entries: Vec<StoredEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredEntry {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) present: Vec<u64>,
    #[prost(uint32, tag = "2")]
    pub(super) key_type: u32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) key: Bytes,
    #[prost(message, optional, tag = "4")]
    pub(super) data: Option<StoredData>,
}
