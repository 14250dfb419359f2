//! CRDTs as the proxy keeps them: every replica may change its copy at any time, and copies that meet become equal.
//!
//! A user function knows only a plain value and exchanges deltas with its proxy ("Cloudstate protocol", `crdt.proto`).
//! Behind the value is what makes merging safe: each change has a dot, which is a number among the changes of its replica,
//! each part of the value knows the dots that put it there, and each copy knows which dots it has seen. A part that one
//! copy has and the other has not was removed if the other has seen its dots, and is news if it has not.
//!
//! | module | what |
//! |---|---|
//! | `dot` | dots, what has been seen, and joining two copies of something dotted |
//! | `element` | elements of sets and keys of maps, with the order that the encoding needs |
//! | `data` | the eight types, and their join |
//! | `update` | deltas of the user function applied |
//! | `value` | the plain value, and what it is as a delta |
//! | `difference` | the delta that leads from one value to another |
//! | `encoding` | the form in which a copy is stored and sent to other replicas |
//! | `changes` | the form in which changes are stored behind a copy |

mod changes;
mod data;
mod difference;
mod dot;
mod element;
mod encoding;
mod update;
mod value;

use std::collections::BTreeSet;

use bytes::Bytes;
use cloudstate_protocol::cloudstate::crdt::CrdtDelta;

use data::Data;
use dot::Seen;
use update::Change;

pub use changes::Changes;
pub use data::Kind;
pub use dot::ReplicaId;
pub use element::Element;
pub use encoding::DecodeError;
pub use update::UpdateError;
pub use value::{Value, Votes};

/// One replica's copy of a CRDT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crdt {
    seen: Seen,
    data: Data,
}

/// The replicas that take part, and which of them this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    this: ReplicaId,
    members: BTreeSet<ReplicaId>,
}

impl Cluster {
    /// A replica among others. It is one of the members whether they name it or not.
    pub fn new(this: ReplicaId, members: impl IntoIterator<Item = ReplicaId>) -> Self {
        let mut members: BTreeSet<_> = members.into_iter().collect();
        members.insert(this);
        Self { this, members }
    }

    /// A replica that is alone.
    pub fn of_one() -> Self {
        Self::new(ReplicaId::ONLY, [])
    }
}

/// Two copies that cannot be of one CRDT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {theirs} cannot be merged into a {ours}")]
pub struct KindError {
    ours: Kind,
    theirs: Kind,
}

impl Crdt {
    /// An empty one.
    pub fn new(kind: Kind) -> Self {
        Self {
            seen: Seen::default(),
            data: Data::new(kind),
        }
    }

    /// The one that the first delta of a user function makes.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub fn create(delta: CrdtDelta, cluster: &Cluster, now: i64) -> Result<Self, UpdateError> {
        let mut crdt = Self::new(Kind::of(&delta).ok_or(UpdateError::Untyped)?);
        crdt.update(delta, cluster, now)?;
        Ok(crdt)
    }

    /// Applies a change that the user function has made. `now` is in milliseconds since 1970 and orders register writes.
    ///
    /// # Errors
    /// The delta is not one of this type, or not one that a user function may send. What is left is of no use then.
    pub fn update(
        &mut self,
        delta: CrdtDelta,
        cluster: &Cluster,
        now: i64,
    ) -> Result<(), UpdateError> {
        let dot = self.seen.next(cluster.this);
        self.data.apply(delta, &Change::new(dot, now))
    }

    /// Like [`update`](Self::update), but every register takes the written value whatever its clock says. This is how
    /// the user function sees its own change.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub fn update_as_seen(
        &mut self,
        delta: CrdtDelta,
        cluster: &Cluster,
        now: i64,
    ) -> Result<(), UpdateError> {
        let dot = self.seen.next(cluster.this);
        self.data.apply(delta, &Change::forced(dot, now))
    }

    /// Whether a register write in this delta may lose against the value that is there, so that the user function does
    /// not know the value any more once it is applied.
    pub fn may_overrule(&self, delta: &CrdtDelta, now: i64) -> bool {
        self.data.may_overrule(delta, now)
    }

    /// Takes in everything that another copy knows.
    ///
    /// # Errors
    /// It is of another type; nothing is changed.
    pub fn merge(&mut self, other: &Self) -> Result<(), KindError> {
        if self.kind() != other.kind() {
            return Err(KindError {
                ours: self.kind(),
                theirs: other.kind(),
            });
        }
        self.data.join(&self.seen, &other.data, &other.seen);
        self.seen.join(&other.seen);
        Ok(())
    }

    /// Which of the eight types it is.
    pub fn kind(&self) -> Kind {
        self.data.kind()
    }

    /// The value as the user function of this replica is to see it; `None` for a register that was never written.
    pub fn value(&self, cluster: &Cluster) -> Option<Value> {
        Value::of(&self.data, cluster)
    }

    /// At most how many bytes the whole value takes as a delta.
    pub fn delta_len(&self) -> usize {
        self.data.delta_len()
    }

    /// The form in which it is stored: compact, and equal for equal copies.
    pub fn encode(&self) -> Bytes {
        encoding::encode(self)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// It is damaged, or a later release wrote it.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        encoding::decode(bytes)
    }
}
