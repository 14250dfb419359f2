//! What can be wrong with a delta of the proxy.

use std::error::Error;

use bytestring::ByteString;
use cloudstate_protocol::cloudstate::crdt::crdt_delta::Delta;

use super::CrdtType;

/// Why a delta of the proxy could not be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrdtError {
    /// It is a change of another type.
    #[error("Received a delta of {actual} for {expected}")]
    Type {
        /// The type of the entity's value.
        expected: CrdtType,
        /// The type of the delta.
        actual: CrdtType,
    },
    /// A field that must be set is not.
    #[error("{field} is not set")]
    Missing {
        /// Message and field.
        field: &'static str,
    },
    /// An element, a key or a value has another type than here.
    #[error("{field} has a {actual}, where {expected} is expected")]
    Element {
        /// Message and field.
        field: &'static str,
        /// Type URL of the elements here.
        expected: ByteString,
        /// Type URL of what was sent.
        actual: ByteString,
    },
    /// An element, a key or a value cannot be decoded.
    #[error("{field} has a {type_url} that cannot be decoded: {source}")]
    Decode {
        /// Message and field.
        field: &'static str,
        /// What was sent.
        type_url: ByteString,
        /// What the decoder says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A number of votes is below zero.
    #[error("{field} is {value}, which is below zero")]
    Negative {
        /// Message and field.
        field: &'static str,
        /// What was sent.
        value: i32,
    },
}

impl CrdtError {
    /// That `delta` is not a change of an `expected`.
    pub(super) fn mismatch(expected: CrdtType, delta: &Delta) -> Self {
        Self::Type {
            expected,
            actual: CrdtType::of(delta),
        }
    }
}
