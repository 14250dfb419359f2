//! Elements of sets and keys of maps.

use std::cmp::Ordering;

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;

/// A payload that is compared by its bytes: equal values have equal bytes ("Cloudstate protocol", the `Any` convention).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Element(Any);

impl Element {
    /// An element that shares the payload's buffers.
    pub(super) fn sharing(payload: Any) -> Self {
        Self(payload)
    }

    /// An element with buffers of its own: a few bytes that stay must not keep the message alive that brought them.
    ///
    /// Only the type URL is shared, with one of its kind: most sets and maps have one type.
    pub(super) fn detached(payload: &Any, like: Option<&Self>) -> Self {
        let shared = like.map(|like| &like.0.type_url);
        match shared.filter(|&type_url| *type_url == payload.type_url) {
            Some(type_url) => Self(Any {
                type_url: type_url.clone(),
                value: Bytes::copy_from_slice(&payload.value),
            }),
            None => Self(detach(payload)),
        }
    }

    /// The payload.
    pub fn payload(&self) -> &Any {
        &self.0
    }

    /// The payload itself.
    pub fn into_payload(self) -> Any {
        self.0
    }
}

/// A copy of a payload that keeps no other buffer alive.
pub(super) fn detach(payload: &Any) -> Any {
    Any {
        type_url: ByteString::from(&*payload.type_url),
        value: Bytes::copy_from_slice(&payload.value),
    }
}

impl From<Any> for Element {
    fn from(payload: Any) -> Self {
        Self(payload)
    }
}

impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        let Any { type_url, value } = &other.0;
        (self.0.type_url.as_bytes(), &self.0.value).cmp(&(type_url.as_bytes(), value))
    }
}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
