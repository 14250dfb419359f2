//! How events of one type are written and read, found once per type.

use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use bytestring::ByteString;

use crate::{Any, DecodeError, Payload, codec::is_stored_as};

/// How events of type `V` become stored bytes and come back.
///
/// It asks once that `V` is a [`Payload`], and nothing that is built on it asks again: a type that cannot be stored is one
/// error. It also keeps the type URL, which is put together at its first use.
pub struct EventCodec<V> {
    type_url: OnceLock<ByteString>,
    compute_type_url: fn() -> ByteString,
    encode: fn(&V) -> Bytes,
    decode: fn(Bytes) -> Result<V, DecodeError>,
}

impl<V> EventCodec<V> {
    /// The codec of a type, made to be a static.
    // The bound stands here and not above the block, because the compiler then reports it as `Payload` says.
    #[expect(
        clippy::new_without_default,
        reason = "a static is not initialised by `Default`"
    )]
    pub const fn new() -> Self
    where
        V: Payload,
    {
        Self {
            type_url: OnceLock::new(),
            compute_type_url: V::type_url,
            encode: V::encode,
            decode: V::decode,
        }
    }

    /// [`Payload::type_url`], computed once.
    pub fn type_url(&self) -> &ByteString {
        self.type_url.get_or_init(self.compute_type_url)
    }

    /// The event as it is stored.
    pub(crate) fn write(&self, event: &V) -> Any {
        Any {
            type_url: self.type_url().clone(),
            value: (self.encode)(event),
        }
    }

    /// Reads a stored event; `None` if it is of another type.
    pub(crate) fn read(&self, stored: &Any) -> Option<Result<V, DecodeError>> {
        is_stored_as(stored, self.type_url()).then(|| (self.decode)(stored.value.clone()))
    }
}

impl<V> fmt::Debug for EventCodec<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventCodec")
            .field("type_url", &self.type_url)
            .finish_non_exhaustive()
    }
}
