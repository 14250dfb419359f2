//! `google.protobuf.Any` with reference-counted contents, and the Cloudstate convention for what it holds.
//!
//! | holds | type URL | value |
//! |---|---|---|
//! | a message | `type.googleapis.com/` and its full name | the encoded message |
//! | a primitive | `p.cloudstate.io/` and its protobuf type, such as `int64` | a message whose field 1 is the value |
//! | JSON | `json.cloudstate.io/` and a name of the writer's choice | a message whose field 1 is the text, in UTF-8 |
//!
//! Elements of sets and keys of maps are compared as they are encoded, so an equal value always has equal bytes; a
//! primitive's default value is no bytes at all.

pub mod json;
mod primitive;
mod protobuf;

use std::fmt;

use bytes::{Buf, BufMut, Bytes};
use bytestring::ByteString;
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, bytes as bytes_field, skip_field};

pub use json::JSON_PREFIX;
pub use primitive::{PRIMITIVE_PREFIX, Primitive};
pub use protobuf::PROTOBUF_PREFIX;

/// A value together with the name of its type.
///
/// On the wire it is `google.protobuf.Any`. Both fields share the buffer that they were decoded from, so that a payload
/// passes through a proxy without being copied, and a clone costs two reference counts.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Any {
    /// What [`value`](Self::value) is, such as `type.googleapis.com/com.example.Cart`.
    pub type_url: ByteString,
    /// The encoded value.
    pub value: Bytes,
}

impl Any {
    /// The type's name: what follows the first `/` of the type URL, or all of it where there is none.
    pub fn type_name(&self) -> &str {
        self.type_url
            .split_once('/')
            .map_or(&*self.type_url, |(_, name)| name)
    }

    /// What the type URL says the value is.
    ///
    /// ```
    /// use cloudstate_protocol::{Any, any::Kind};
    ///
    /// assert_eq!(Any::primitive(&7).kind(), Kind::Primitive);
    /// ```
    pub fn kind(&self) -> Kind {
        let has = |prefix| self.type_url.starts_with(prefix);
        if has(PROTOBUF_PREFIX) {
            Kind::Protobuf
        } else if has(PRIMITIVE_PREFIX) {
            Kind::Primitive
        } else if has(JSON_PREFIX) {
            Kind::Json
        } else {
            Kind::Other
        }
    }

    fn mismatch(&self, expected: impl Into<String>) -> AnyError {
        AnyError::Type {
            expected: expected.into(),
            actual: self.type_url.clone(),
        }
    }

    fn undecodable(&self, source: DecodeError) -> AnyError {
        AnyError::Protobuf {
            type_url: self.type_url.clone(),
            source,
        }
    }
}

/// What an [`Any`] holds, by the prefix of its type URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A protobuf message under `type.googleapis.com/`.
    Protobuf,
    /// A primitive under `p.cloudstate.io/`.
    Primitive,
    /// JSON under `json.cloudstate.io/`.
    Json,
    /// Anything else; [`Any::unpack`] takes it for a message whose type URL has another host.
    Other,
}

/// Why an [`Any`] could not be read as what was asked for, or a value not be written as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnyError {
    /// It holds a value of another type.
    #[error("the payload is `{actual}`, not `{expected}`")]
    Type {
        /// The type asked for.
        expected: String,
        /// The type URL of the payload.
        actual: ByteString,
    },
    /// The bytes are not what the type URL says.
    #[error("the payload is not a valid `{type_url}`")]
    Protobuf {
        /// The type URL of the payload.
        type_url: ByteString,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// The JSON is not of the type asked for, or the value has no form in JSON.
    #[error("the payload `{type_url}` and its JSON do not agree")]
    Json {
        /// The type URL of the payload.
        type_url: ByteString,
        /// What is wrong, with line and column of the JSON.
        source: serde_json::Error,
    },
}

impl fmt::Debug for Any {
    /// Names the type and the size; the contents may be personal data and have no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Any({}, {} bytes)", self.type_url, self.value.len())
    }
}

impl prost::Name for Any {
    const NAME: &'static str = "Any";
    const PACKAGE: &'static str = "google.protobuf";
}

impl prost::Message for Any {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if !self.type_url.is_empty() {
            bytes_field::encode(1, self.type_url.as_bytes(), buf);
        }
        if !self.value.is_empty() {
            bytes_field::encode(2, &self.value, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let mut raw = Bytes::new();
                bytes_field::merge(wire_type, &mut raw, buf, ctx)?;
                #[expect(
                    deprecated,
                    reason = "prost 0.14 has no other way to make a DecodeError"
                )]
                let not_utf8 = |_| DecodeError::new("google.protobuf.Any.type_url is not UTF-8");
                self.type_url = ByteString::try_from(raw).map_err(not_utf8)?;
                Ok(())
            }
            2 => bytes_field::merge(wire_type, &mut self.value, buf, ctx),
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        let mut len = 0;
        if !self.type_url.is_empty() {
            len += string_len(1, self.type_url.len());
        }
        if !self.value.is_empty() {
            len += string_len(2, self.value.len());
        }
        len
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

fn string_len(tag: u32, len: usize) -> usize {
    prost::encoding::key_len(tag) + prost::encoding::encoded_len_varint(len as u64) + len
}
