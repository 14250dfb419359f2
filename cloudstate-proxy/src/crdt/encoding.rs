//! The form in which a copy is stored and sent to other replicas: protobuf, in columns, and equal for equal copies.
//!
//! Type URLs and replicas are tables at the front; the rest has their indices. Dots stand in one column: for each thing
//! that has dots their number, and for each dot the replica's index and the sequence number.

mod message;
mod read;
mod write;

use bytes::Bytes;
use prost::Message;

use super::{Crdt, dot::Seen};
use message::{Stored, StoredDot};
use read::Reader;
use write::Writer;

/// The version of the form; a later one may be something else altogether.
const VERSION: u32 = 1;

/// Why stored bytes are not a CRDT.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// They are not the message that is stored.
    #[error("the stored CRDT is damaged")]
    Protobuf(#[from] prost::DecodeError),
    /// A later release wrote them.
    #[error(
        "the stored CRDT has version {0}, and this release knows version {VERSION}; use the release that wrote it"
    )]
    Version(u32),
    /// A later release wrote the changes behind it.
    #[error(
        "the changes of the stored CRDT have version {0}, which this release does not know; use the release that wrote them"
    )]
    ChangesVersion(u32),
    /// The message contradicts itself.
    #[error("the stored CRDT is damaged: {0}")]
    Inconsistent(&'static str),
}

pub(super) fn encode(crdt: &Crdt) -> Bytes {
    let mut writer = Writer::new(&crdt.seen);
    let data = writer.data(&crdt.data);
    let stored = Stored {
        version: VERSION,
        type_urls: writer.into_type_urls(),
        seen: crdt
            .seen
            .last()
            .iter()
            .map(|dot| StoredDot {
                replica: dot.replica.number(),
                sequence: dot.sequence,
            })
            .collect(),
        data: Some(data),
    };
    stored.encode_to_vec().into()
}

pub(super) fn decode(bytes: Bytes) -> Result<Crdt, DecodeError> {
    let stored = Stored::decode(bytes)?;
    if stored.version != VERSION {
        return Err(DecodeError::Version(stored.version));
    }
    let last = stored.seen.iter().map(StoredDot::read).collect();
    let seen =
        Seen::from_last(last).ok_or(DecodeError::Inconsistent("replicas are not in order"))?;
    let data = stored.data.ok_or(DecodeError::Inconsistent("no data"))?;
    let data = Reader::new(&seen, stored.type_urls).data(data)?;
    Ok(Crdt { seen, data })
}
