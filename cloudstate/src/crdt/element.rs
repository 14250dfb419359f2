//! Elements, keys and values on the wire: identified by their encoded bytes.

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;

use super::CrdtError;
use crate::{Payload, codec::is_stored_as};

/// Writes encoded elements of one type.
pub(super) struct Writer {
    type_url: ByteString,
}

impl Writer {
    pub(super) fn new<T: Payload>() -> Self {
        Self {
            type_url: T::type_url(),
        }
    }

    pub(super) fn write(&self, encoded: &Bytes) -> Any {
        Any {
            type_url: self.type_url.clone(),
            value: encoded.clone(),
        }
    }

    pub(super) fn write_all<'a>(&self, encoded: impl IntoIterator<Item = &'a Bytes>) -> Vec<Any> {
        encoded.into_iter().map(|bytes| self.write(bytes)).collect()
    }
}

/// Reads elements of one type from a field, and says of what does not fit where it was.
pub(super) struct Reader {
    type_url: ByteString,
    field: &'static str,
}

impl Reader {
    pub(super) fn new<T: Payload>(field: &'static str) -> Self {
        Self {
            type_url: T::type_url(),
            field,
        }
    }

    /// The element's identity, after a look at its type.
    pub(super) fn key(&self, any: Any) -> Result<Bytes, CrdtError> {
        if !is_stored_as(&any, &self.type_url) {
            return Err(CrdtError::Element {
                field: self.field,
                expected: self.type_url.clone(),
                actual: any.type_url,
            });
        }
        Ok(any.value)
    }

    /// The element's identity, and the element.
    pub(super) fn element<T: Payload>(&self, any: Any) -> Result<(Bytes, T), CrdtError> {
        let key = self.key(any)?;
        let element = T::decode(key.clone()).map_err(|error| CrdtError::Decode {
            field: self.field,
            type_url: self.type_url.clone(),
            source: error.into(),
        })?;
        Ok((key, element))
    }

    pub(super) fn missing(&self) -> CrdtError {
        CrdtError::Missing { field: self.field }
    }
}
