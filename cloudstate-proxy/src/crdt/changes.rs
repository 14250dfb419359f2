//! Changes of a copy in the form in which they are stored behind it: as large as they are, and not as the copy is.
//!
//! They are the deltas of the user function, each with its time. Applied again, to the copy that they were made to, they
//! make the same copy: an [`update`](Crdt::update) depends on nothing else. Whoever changes what an update does gives
//! the form another version.

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::CrdtDelta;
use prost::{
    Message,
    encoding::{self, WireType},
};

use super::{Cluster, Crdt, DecodeError, ReplicaId};

/// The version of the form.
const VERSION: u32 = 1;

/// What has changed a copy since a moment.
#[derive(Clone, Debug)]
pub struct Changes {
    replica: ReplicaId,
    /// The number of the first change among those of the replica.
    first: u64,
    /// [`StoredChanges`], encoded as the changes come; nothing as long as there are none.
    encoded: Vec<u8>,
}

/// Bytes that a few changes take, so that the first ones need not make room again and again.
const USUAL: usize = 256;

#[derive(Clone, PartialEq, prost::Message)]
struct StoredChanges {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint64, tag = "2")]
    replica: u64,
    #[prost(uint64, tag = "3")]
    first: u64,
    #[prost(message, repeated, tag = "4")]
    changes: Vec<StoredChange>,
}

const CHANGES: u32 = 4;

#[derive(Clone, PartialEq, prost::Message)]
struct StoredChange {
    /// In milliseconds since 1970.
    #[prost(sint64, tag = "1")]
    now: i64,
    #[prost(message, optional, tag = "2")]
    delta: Option<CrdtDelta>,
}

impl Changes {
    /// None yet, of what the replica of this cluster is going to change of the copy.
    pub fn of(copy: &Crdt, cluster: &Cluster) -> Self {
        Self {
            replica: cluster.this,
            first: copy.seen.count(cluster.this) + 1,
            encoded: Vec::new(),
        }
    }

    /// Adds the change that is made next: what [`Crdt::update`] is given.
    pub fn push(&mut self, delta: &CrdtDelta, now: i64) {
        if self.encoded.is_empty() {
            self.encoded.reserve(USUAL);
            self.begin();
        }
        // As the message would be encoded, without a copy of the delta to make it of.
        let delta_len = encoding::message::encoded_len(2, delta);
        let now_len = match now {
            0 => 0,
            now => encoding::sint64::encoded_len(1, &now),
        };
        let buf = &mut self.encoded;
        encoding::encode_key(CHANGES, WireType::LengthDelimited, buf);
        encoding::encode_varint((now_len + delta_len) as u64, buf);
        if now_len > 0 {
            encoding::sint64::encode(1, &now, buf);
        }
        encoding::message::encode(2, delta, buf);
    }

    /// What is before the changes.
    fn begin(&mut self) {
        let buf = &mut self.encoded;
        encoding::uint32::encode(1, &VERSION, buf);
        encoding::uint64::encode(2, &self.replica.number(), buf);
        encoding::uint64::encode(3, &self.first, buf);
    }

    /// Bytes that are to be stored so far.
    pub fn len(&self) -> usize {
        self.encoded.len()
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// Takes back what was added after there were so many bytes.
    pub fn truncate(&mut self, len: usize) {
        self.encoded.truncate(len);
    }

    /// The stored form.
    pub fn encode(mut self) -> Bytes {
        if self.encoded.is_empty() {
            self.begin();
        }
        self.encoded.into()
    }
}

impl Crdt {
    /// Makes the changes again that were encoded.
    ///
    /// # Errors
    /// They are damaged, a later release wrote them, or they were made to another copy. What is left is of no use then.
    pub fn replay(&mut self, changes: Bytes) -> Result<(), DecodeError> {
        let stored = StoredChanges::decode(changes)?;
        if stored.version != VERSION {
            return Err(DecodeError::ChangesVersion(stored.version));
        }
        let cluster = Cluster::new(ReplicaId::new(stored.replica), []);
        let last = stored.first.checked_add(stored.changes.len() as u64);
        if stored.first.checked_sub(1) != Some(self.seen.count(cluster.this)) || last.is_none() {
            return Err(DecodeError::Inconsistent("changes of another copy"));
        }
        for StoredChange { now, delta } in stored.changes {
            let delta = delta.ok_or(DecodeError::Inconsistent("a change without a delta"))?;
            self.update(delta, &cluster, now)
                .map_err(|_| DecodeError::Inconsistent("a change that cannot be made"))?;
        }
        Ok(())
    }
}
